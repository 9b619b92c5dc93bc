import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// Steps of single parameters: a raw tensor in, a raw tensor out, each parameter with its own count.
struct ParameterStepTests {
    private let gradient = TestTensor.bytes([1, -2, 3] as [Float])

    @Test func eachParameterCountsItsOwnSteps() async throws {
        try await withServer { server in
            try await server.makeRun()
            for step in 1...2 {
                let answer = try await server.send(.put, "/v1/runs/r/parameters/w.bias/steps/\(step)", gradient)
                #expect(answer.status == 200)
                #expect(answer.fields[.contentType] == "application/octet-stream")
                #expect(answer.bytes.count == gradient.count)
                #expect(answer.fields[.latherStep] == "\(step)")
                #expect(answer.fields[.latherDurableStep] == "\(step)")
                #expect(answer.fields[.latherWeightScale] == "0.9999")
                #expect(try await server.send(.get, "/v1/runs/r").json["step"] == 0, "the smallest count")
            }
            #expect(try await server.send(.put, "/v1/runs/r/parameters/w/steps/1", [UInt8](repeating: 0, count: 24)).status == 200)
            #expect(try await server.send(.get, "/v1/runs/r").json["step"] == 1)
            let again = try await server.send(.put, "/v1/runs/r/parameters/w.bias/steps/2", gradient)
            #expect(again.fields[.latherReplayed] == "true")
            let ahead = try await server.send(.put, "/v1/runs/r/parameters/w.bias/steps/4", gradient)
            #expect(ahead.outcome == "409 step-out-of-order")
            #expect(try ahead.json["expected_step"] == 3)
        }
    }

    @Test func aRawStepGivesTheSameUpdateAsAWholeOne() async throws {
        try await withServer { server in
            try await server.makeRun("raw")
            try await server.makeRun("whole")
            let raw = try await server.send(.put, "/v1/runs/raw/parameters/w.bias/steps/1?lr=0.5&max_grad_norm=2", gradient)
            let body = try file(TestTensor("w.bias", .f32, [3], bytes: gradient))
            let whole = try await server.send(.put, "/v1/runs/whole/steps/1?lr=0.5&max_grad_norm=2", body)
            #expect(try whole.tensors.map(\.bytes) == [raw.bytes])
        }
    }

    @Test func theDTypeHoldsForBothWays() async throws {
        try await withServer { server in
            try await server.makeRun()
            let answer = try await server.send(
                .put, "/v1/runs/r/parameters/w.bias/steps/1?dtype=F64", TestTensor.bytes([1, -2, 3] as [Double]))
            #expect(answer.bytes.count == 24)
            #expect(
                try await server.send(.put, "/v1/runs/r/parameters/w.bias/steps/2?dtype=F16", gradient).outcome == "422 wrong-length")
        }
    }

    @Test func theTwoKindsOfStepsDoNotMix() async throws {
        try await withServer { server in
            try await server.makeRun("whole")
            #expect(try await server.send(.put, "/v1/runs/whole/steps/1", gradients(1)).status == 200)
            #expect(
                try await server.send(.put, "/v1/runs/whole/parameters/w.bias/steps/1", gradient).outcome == "409 step-level-mixed")
            try await server.makeRun("single")
            for step in 1...2 { _ = try await server.send(.put, "/v1/runs/single/parameters/w.bias/steps/\(step)", gradient) }
            for step in [1, 2, 3] {
                #expect(try await server.send(.put, "/v1/runs/single/steps/\(step)", gradients(1)).outcome == "409 step-level-mixed")
            }
            #expect(try await server.send(.post, "/v1/runs/single/steps", gradients(1)).outcome == "409 step-level-mixed")
        }
    }

    @Test(arguments: ["checkpoint", "memory"])
    func aWeakerDurabilityIsToldForTheParameterItself(durability: String) async throws {
        try await withServer { server in
            try await server.makeRun(
                "r", TestServer.manifest.replacing("]}]", with: "]}], \"policy\": {\"durability\": \"\(durability)\"}"))
            let first = try await server.send(.put, "/v1/runs/r/parameters/w.bias/steps/1", gradient)
            #expect(first.fields[.latherDurableStep] == "0")
            _ = try await server.send(.post, "/v1/runs/r/checkpoints")
            let second = try await server.send(.put, "/v1/runs/r/parameters/w.bias/steps/2", gradient)
            #expect(second.fields[.latherDurableStep] == "1")
        }
    }

    @Test func aRunWithAnOpenListCannotTellTheShapeOfARawTensor() async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.openManifest)
            #expect(try await server.send(.put, "/v1/runs/r/parameters/w/steps/1", gradient).outcome == "404 unknown-parameter")
        }
    }
}
