import Crypto
import Foundation
import HTTPTypes
import Safetensors
import Storage
import StrictJSON
import Testing
import Training

@testable import API

/// A step is applied once, answered as often as it is asked for, and shaped by its query.
struct StepTests {
    @Test func aStepAnswersUpdatesOfTheSameNamesAndShapes() async throws {
        try await withServer { server in
            try await server.makeRun()
            let answer = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            #expect(answer.status == 200)
            #expect(answer.fields[.contentType] == "application/vnd.safetensors")
            #expect(answer.fields[.latherStep] == "1")
            #expect(answer.fields[.latherDurableStep] == "1")
            #expect(answer.fields[.latherEpoch] == "0")
            #expect(answer.fields[.latherReplayed] == nil)
            #expect(answer.fields[.contentDigest] == nil)
            #expect(answer.fields[.serverTiming]?.contains(/receive;dur=[0-9.]+, compute;dur=[0-9.]+, commit;dur=[0-9.]+/) == true)
            let tensors = try answer.tensors
            #expect(tensors.map(\.name) == ["w", "w.bias"])
            #expect(tensors.map(\.shape) == [[2, 3], [3]])
            // lr · weight_decay of the defaults, and of the group.
            #expect(try weightScale(answer) == ["w": 0.999, "w.bias": 0.9999])
            #expect(try await server.send(.get, "/v1/runs/r").json["step"] == 1)
        }
    }

    private func weightScale(_ answer: Answer) throws -> [String: Double] {
        let length = answer.bytes.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
        let header = try JSONValue(parsing: Array(answer.bytes[8..<(8 + length)]))
        let text = try #require(header["__metadata__"]?["weight_scale"]?.stringValue)
        let scales = try #require(try JSONValue(parsing: Array(text.utf8)).objectValue)
        return Dictionary(uniqueKeysWithValues: scales.map { ($0.name, $0.value.numberValue?.double ?? .nan) })
    }

    @Test func aRepeatedStepIsAnsweredByteForByte() async throws {
        try await withServer { server in
            try await server.makeRun()
            let wanted: HTTPFields = [.wantContentDigest: "sha-256=3"]
            for step in 1...3 {
                let first = try await server.send(.put, "/v1/runs/r/steps/\(step)?lr=1e-3&grad_scale=2", gradients(step))
                let again = try await server.send(.put, "/v1/runs/r/steps/\(step)?grad_scale=2.0&lr=0.001", gradients(step), fields: wanted)
                #expect(again.status == 200)
                #expect(again.bytes == first.bytes)
                #expect(again.fields[.latherReplayed] == "true")
                #expect(again.fields[.contentDigest] == "sha-256=:\(Data(SHA256.hash(data: first.bytes)).base64EncodedString()):")
                for name: HTTPField.Name in [.contentType, .latherStep, .latherDurableStep, .latherEpoch] {
                    #expect(again.fields[name] == first.fields[name])
                }
            }
        }
    }

    @Test func aStoppedAndStartedServerReplaysTheLastAnswer() async throws {
        try await withTemporaryDirectory { directory in
            let database = directory.appendingPathComponent("test.sqlite")
            let answer = try await firstAnswer(database)
            let second = try await TestServer(database: database)
            let again = try await second.send(.put, "/v1/runs/r/steps/1", gradients(1))
            #expect(again.bytes == answer.bytes)
            #expect(again.fields[.latherReplayed] == "true")
            #expect(again.fields[.latherEpoch] == "0")
            #expect(try await second.send(.put, "/v1/runs/r/steps/2", gradients(2)).status == 200)
        }
    }

    /// The first step of a server that is stopped afterwards, and gives up its database.
    private func firstAnswer(_ database: URL) async throws -> Answer {
        let server = try await TestServer(database: database)
        try await server.makeRun()
        let answer = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
        #expect(await server.runs.finish())
        try server.store.close()
        return answer
    }

    @Test(arguments: [
        ("0", "400 invalid-step-number"), ("01", "400 invalid-step-number"), ("+1", "400 invalid-step-number"),
        ("-1", "400 invalid-step-number"), ("1.0", "400 invalid-step-number"), ("x", "400 invalid-step-number"),
        ("%D9%A3", "400 invalid-step-number"), ("1", "409 step-already-applied"), ("2", "422 step-body-differs"), ("3", "200"),
        ("4", "409 step-out-of-order"), ("99999999999999999999999", "409 step-out-of-order"),
    ])
    func aStepsNumberIsTheNextOneOrTheLast(k: String, expected: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            for step in 1...2 { _ = try await server.send(.put, "/v1/runs/r/steps/\(step)", gradients(step)) }
            let answer = try await server.send(.put, "/v1/runs/r/steps/\(k)", gradients(3))
            #expect(answer.outcome == expected)
            if answer.status == 409 || answer.status == 422 {
                #expect(try answer.json["expected_step"] == 3)
                #expect(try answer.json["epoch"] == 0)
            }
        }
    }

    @Test(arguments: ["lr=0.1", "grad_scale=1", "max_grad_norm=1e9", "dtype=F32", "return=updates", "lr.slow=0.01"])
    func aQueryThatWasLeftOutIsNotTheSameAsOneThatSaysTheDefault(query: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            _ = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            #expect(try await server.send(.put, "/v1/runs/r/steps/1?\(query)", gradients(1)).outcome == "422 step-body-differs")
        }
    }

    @Test(arguments: [
        ("LR=1", "400 unknown-query-parameter"), ("lr=1&lr=1", "400 repeated-query-parameter"),
        ("lr.slow=1&lr.slow=1", "400 repeated-query-parameter"),
        ("lr=", "400 invalid-query-parameter"), ("lr", "400 invalid-query-parameter"), ("lr=+1", "400 invalid-query-parameter"),
        ("lr=nan", "400 invalid-query-parameter"), ("lr=1e999", "400 invalid-query-parameter"), ("lr=0x1p3", "400 invalid-query-parameter"),
        ("lr=%201", "400 invalid-query-parameter"), ("lr.=1", "400 unknown-query-parameter"), ("dtype=f32", "400 invalid-query-parameter"),
        ("return=all", "400 invalid-query-parameter"), ("worker=1", "400 unknown-query-parameter"), ("lr=-1", "422 invalid-step-option"),
        ("lr=1e39", "422 invalid-step-option"), ("lr.fast=1", "422 invalid-step-option"), ("grad_scale=0", "422 invalid-step-option"),
        ("grad_scale=1e-310", "422 invalid-step-option"), ("max_grad_norm=0", "422 invalid-step-option"),
        ("dtype=I32", "422 invalid-step-option"), ("return=weights", "409 weights-required"),
        ("lr=0.5&lr.slow=0&grad_scale=1024&max_grad_norm=1&dtype=F64&return=updates", "200"),
    ])
    func aStepsQueryIsReadStrictly(query: String, expected: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.put, "/v1/runs/r/steps/1?\(query)", gradients(1)).outcome == expected)
        }
    }

    @Test(arguments: [
        ("", "0.5", "200"), ("?lr=0.5", "0.5", "200"), ("?lr=5e-1", "0.50", "200"), ("?lr=0.25", "0.5", "422 invalid-step-option"),
        ("", "fast", "422 invalid-step-option"), ("", "-1", "422 invalid-step-option"),
    ])
    func theRateMayStandInTheMetadataToo(query: String, metadata: String, expected: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            let answer = try await server.send(.put, "/v1/runs/r/steps/1\(query)", gradients(1, metadata: [("lr", metadata)]))
            #expect(answer.outcome == expected)
            guard answer.status == 200 else { return }
            let other = try await server.send(.put, "/v1/runs/other", json: TestServer.manifest)
            #expect(other.status == 201)
            let plain = try await server.send(.put, "/v1/runs/other/steps/1?lr=0.5", gradients(1))
            #expect(answer.bytes == plain.bytes)
        }
    }

    @Test func theAnswersDTypeIsTheGradientsOrTheOneAskedFor() async throws {
        try await withServer { server in
            try await server.makeRun()
            let exact = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1)).tensors
            for (run, dtype) in [("f64", "F64"), ("f16", "F16"), ("bf16", "BF16")] {
                try await server.makeRun(run)
                let answer = try await server.send(.put, "/v1/runs/\(run)/steps/1?dtype=\(dtype)", gradients(1)).tensors
                #expect(answer.map(\.dtype.rawValue) == [dtype, dtype])
                #expect(answer.map { $0.bytes.count / $0.dtype.byteCount } == exact.map(\.floats.count))
            }
            try await server.makeRun("half")
            let halves: [Float16] = [1, -2, 3]
            let body = try file(TestTensor("w.bias", .f16, [3], bytes: TestTensor.bytes(halves)))
            #expect(try await server.send(.put, "/v1/runs/half/steps/1", body).tensors.map(\.dtype) == [.f16])
        }
    }

    @Test func nothingIsReturnedToThoseWhoWantNothing() async throws {
        try await withServer { server in
            try await server.makeRun()
            for isReplay in [false, true] {
                let answer = try await server.send(.put, "/v1/runs/r/steps/1?return=none", gradients(1))
                #expect(answer.status == 204)
                #expect(answer.bytes.isEmpty)
                #expect(answer.fields[.contentType] == nil)
                #expect(answer.fields[.latherStep] == "1")
                #expect(answer.fields[.latherReplayed] == (isReplay ? "true" : nil))
            }
        }
    }

    @Test func postTakesTheNextStepEachTime() async throws {
        try await withServer { server in
            try await server.makeRun("open", TestServer.openManifest)
            for step in 1...3 {
                let answer = try await server.send(.post, "/v1/runs/open/steps", gradients(1))
                #expect(answer.status == 200)
                #expect(answer.fields[.latherStep] == "\(step)")
            }
            #expect(try await server.send(.get, "/v1/runs/open").json["parameter_count"] == 2)
        }
    }

    @Test(arguments: [
        ("sha-256=1", true), ("SHA-256=10", true), ("sha-512=3, sha-256 = 1", true), ("sha-256=0", false), ("sha-512=5", false),
        ("sha-256", false),
    ])
    func aDigestIsSentToThoseWhoAsk(wanted: String, isSent: Bool) async throws {
        try await withServer { server in
            try await server.makeRun()
            let answer = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1), fields: [.wantContentDigest: wanted])
            let digest = "sha-256=:\(Data(SHA256.hash(data: answer.bytes)).base64EncodedString()):"
            #expect(answer.fields[.contentDigest] == (isSent ? digest : nil))
        }
    }

    @Test func aSkippedStepCountsAndChangesNothingElse() async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.manifest.replacing("]}]", with: "]}], \"policy\": {\"on_nonfinite\": \"skip\"}"))
            let body = try file(TestTensor("w", [2, 3], [1, 2, .nan, 4, 5, 6]))
            let before = try await server.send(.get, "/v1/runs/r/parameters/w/state/exp_avg").bytes
            let answer = try await server.send(.put, "/v1/runs/r/steps/1", body)
            #expect(answer.status == 200)
            #expect(try answer.tensors.map(\.floats) == [[0, 0, 0, 0, 0, 0]])
            #expect(try weightScale(answer) == [:])
            #expect(try await server.send(.get, "/v1/runs/r/parameters/w/state/exp_avg").bytes == before)
            #expect(try await server.send(.get, "/v1/runs/r").json["step"] == 1)
        }
    }
}
