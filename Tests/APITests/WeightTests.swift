import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// Hosted weights: in, out, and stepped by exactly the updates that are answered.
struct WeightTests {
    @Test func weightsComeBackAsTheyWerePut() async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.get, "/v1/runs/r/weights").outcome == "404 weights-not-hosted")
            let put = try await server.send(.put, "/v1/runs/r/weights", weights())
            #expect(put.status == 204)
            #expect(put.bytes.isEmpty)
            let got = try await server.send(.get, "/v1/runs/r/weights")
            #expect(got.fields[.contentType] == "application/vnd.safetensors")
            #expect(try got.tensors == TestTensor.reading(weights()))
        }
    }

    @Test func aStepAddsExactlyTheUpdateItAnswers() async throws {
        try await withServer { server in
            for run in ["updates", "weights", "none"] {
                try await server.makeRun(run)
                _ = try await server.send(.put, "/v1/runs/\(run)/weights", weights())
            }
            let updates = try await server.send(.put, "/v1/runs/updates/steps/1", gradients(1)).tensors
            let expected = try zip(TestTensor.reading(weights()), updates).map { weight, update in
                TestTensor(weight.name, weight.shape, zip(weight.floats, update.floats).map { $0 + $1 })
            }
            let answered = try await server.send(.put, "/v1/runs/weights/steps/1?return=weights", gradients(1))
            #expect(try answered.tensors == expected)
            #expect(try await server.send(.put, "/v1/runs/none/steps/1?return=none", gradients(1)).status == 204)
            for run in ["updates", "weights", "none"] {
                #expect(try await server.send(.get, "/v1/runs/\(run)/weights").tensors == expected, "\(run)")
            }
            let again = try await server.send(.put, "/v1/runs/weights/steps/1?return=weights", gradients(1))
            #expect(again.bytes == answered.bytes)
        }
    }

    @Test func newWeightsTakeTheDTypeThatIsAskedFor() async throws {
        try await withServer { server in
            try await server.makeRun()
            _ = try await server.send(.put, "/v1/runs/r/weights", weights())
            let answer = try await server.send(.put, "/v1/runs/r/steps/1?return=weights&dtype=BF16", gradients(1))
            #expect(try answer.tensors.map(\.dtype) == [.bf16, .bf16])
            #expect(try await server.send(.get, "/v1/runs/r/weights").tensors.map(\.dtype) == [.f32, .f32])
        }
    }

    @Test func l2DecayWaitsForTheWeights() async throws {
        try await withServer { server in
            try await server.makeRun(
                "r", TestServer.manifest.replacing("\"lr\": 0.1}", with: "\"lr\": 0.1, \"weight_decay_method\": \"l2\"}"))
            #expect(try await server.send(.put, "/v1/runs/r/steps/1", gradients(1)).outcome == "409 weights-required")
            _ = try await server.send(.put, "/v1/runs/r/weights", weights())
            #expect(try await server.send(.put, "/v1/runs/r/steps/1", gradients(1)).status == 200)
        }
    }

    @Test func weightsThatCannotBeTakenLeaveTheOldOnes() async throws {
        try await withServer { server in
            try await server.makeRun()
            _ = try await server.send(.put, "/v1/runs/r/weights", weights())
            _ = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            let before = try await server.snapshot()
            let bias = TestTensor("w.bias", [3], [0, 0, 0])
            for (body, expected) in [
                (try file(bias), "422 weights-incomplete"), (try file(), "422 weights-incomplete"), ([], "422 malformed-body"),
                (try file(TestTensor("w", [3, 2], [0, 0, 0, 0, 0, 0]), bias), "422 wrong-shape"),
                (try file(TestTensor("w", [2, 3], [0, 0, 0, .nan, 0, 0]), bias), "422 nonfinite-weight"),
                (try file(TestTensor("w", .i32, [2, 3], bytes: [UInt8](repeating: 0, count: 24)), bias), "422 wrong-dtype"),
                (try file(TestTensor("w", [2, 3], [0, 0, 0, 0, 0, 0]), bias, TestTensor("v", [1], [1])), "422 undeclared-parameter"),
                (try weights().dropLast(), "422 malformed-body"),
            ] as [([UInt8], String)] {
                #expect(try await server.send(.put, "/v1/runs/r/weights", body).outcome == expected)
            }
            #expect(try await server.snapshot() == before)
        }
    }

    @Test func weightsRegisterTheParametersOfAnOpenRun() async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.openManifest)
            _ = try await server.send(.put, "/v1/runs/r/weights", weights())
            #expect(try await server.send(.get, "/v1/runs/r").json["parameter_count"] == 2)
            let other = try file(TestTensor("v", [1], [1]))
            #expect(try await server.send(.put, "/v1/runs/r/steps/1", other).outcome == "409 weights-required")
        }
    }
}
