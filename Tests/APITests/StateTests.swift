import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// A run's state, out of one run and into another.
struct StateTests {
    /// The state of a run that has taken three steps, as a client downloads it.
    private func exported(_ server: TestServer) async throws -> [UInt8] {
        try await server.makeRun("source")
        for k in 1...3 { _ = try await server.send(.put, "/v1/runs/source/steps/\(k)", gradients(k)) }
        _ = try await server.send(.post, "/v1/runs/source/checkpoints")
        return try await server.send(.get, "/v1/runs/source/checkpoints/3", fields: [.accept: "application/vnd.safetensors"]).bytes
    }

    @Test(arguments: ["application/vnd.safetensors", "application/octet-stream", nil])
    func aRunGoesOnFromAnotherRunsState(type: String?) async throws {
        try await withServer { server in
            let state = try await exported(server)
            try await server.makeRun()
            var fields: HTTPFields = [.latherEpoch: "0"]
            fields[.contentType] = type
            let answer = try await server.send(.put, "/v1/runs/r/state", state, fields: fields)
            #expect(answer.status == 200)
            #expect(answer.fields[.contentType] == "application/json" && answer.fields[.latherEpoch] == "1")
            #expect(try answer.json["step"] == 3 && answer.json["epoch"] == 1 && answer.json["durable_step"] == 3)
            #expect(try answer.json["parameters"]?.arrayValue?.count == 2)
            let expected = try await server.send(.put, "/v1/runs/source/steps/4", gradients(4))
            let step = try await server.send(.put, "/v1/runs/r/steps/4", gradients(4))
            #expect(step.status == 200 && step.bytes == expected.bytes && step.fields[.latherEpoch] == "1")
        }
    }

    @Test func theStateOfAPyTorchTrainerIsTaken() async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.openManifest)
            let state = try file(
                TestTensor("w.exp_avg", [1, 2], [0.5, 1]), TestTensor("w.exp_avg_sq", [1, 2], [1, 1]), TestTensor("w.step", [], [7]),
                TestTensor("w.L", [1, 1], [2]), TestTensor("w.R", [2, 2], [1, 0, 0, 1]), TestTensor("w.Q_L", [1, 1], [-1]),
                TestTensor("w.Q_R", [2, 2], [0, 1, 1, 0]))
            #expect(try await server.send(.put, "/v1/runs/r/state", state).json["step"] == 7)
            let basis = try await server.send(
                .get, "/v1/runs/r/parameters/w/state/basis.1", fields: [.accept: "application/vnd.safetensors"])
            #expect(try basis.tensors.first?.floats == [0, 1, 1, 0])
        }
    }

    @Test func whatCannotBeTakenIsRefusedAndChangesNothing() async throws {
        try await withServer { server in
            let state = try await exported(server)
            try await server.makeRun()
            let before = try await server.snapshot()
            let vector = TestTensor("w.bias.exp_avg", [3], [0, 0, 0])
            let second = TestTensor("w.bias.exp_avg_sq", [3], [0, 0, 0])
            let list = TestTensor("w.GG.0", [2, 2], [1, 0, 0, 1])
            for (path, body, fields, expected) in [
                ("r", nil, [:], "411 length-required"), ("r?x=1", state, [:], "400 unknown-query-parameter"),
                ("none", state, [:], "404 unknown-run"), ("r", state, [.latherEpoch: "1"], "409 epoch-fenced"),
                ("r", state, [.latherEpoch: "-1"], "400 invalid-epoch"), ("r", state, [.accept: "text/html"], "406 not-acceptable"),
                ("r", state, [.contentType: "application/json"], "415 unsupported-media-type"),
                ("r", state.dropLast(), [:], "422 malformed-body"), ("r", try file(list), [:], "422 layout-required"),
                ("r", try file(vector, second), [:], "422 invalid-state"),
                ("r", try file(vector, second, metadata: [("step", "1")]), [:], "422 state-incomplete"),
            ] as [(String, [UInt8]?, HTTPFields, String)] {
                let parts = path.split(separator: "?")
                let target = "/v1/runs/\(parts[0])/state" + (parts.count > 1 ? "?\(parts[1])" : "")
                #expect(try await server.send(.put, target, body, fields: fields).outcome == expected)
            }
            let incomplete = try await server.send(
                .put, "/v1/runs/r/state", file(vector, second, metadata: [("step", "1")]))
            #expect(try incomplete.json["missing"] == ["w"])
            #expect(try await server.snapshot() == before)
        }
    }

    @Test func aStateOverTheBudgetOrTheBodyLimitIsRefused() async throws {
        let state = 8 * 6 + 8 * (4 + 9) + 8 * 3
        try await withServer(memoryBudget: 3 * state - 1, maximumBodyByteCount: 8192) { server in
            let file = try await exported(server)
            try await server.makeRun()
            let refused = try await server.send(.put, "/v1/runs/r/state", file)
            #expect(refused.outcome == "507 memory-budget-exceeded")
            #expect(try refused.json["needed_bytes"] == JSONValue(state))
            #expect(try await server.send(.put, "/v1/runs/r/state", [UInt8](repeating: 0, count: 8193)).status == 413)
            #expect(try await server.send(.delete, "/v1/runs/source").status == 204)
            #expect(try await server.send(.put, "/v1/runs/r/state", file).status == 200)
        }
    }
}
