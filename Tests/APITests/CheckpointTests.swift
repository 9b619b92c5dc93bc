import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// Checkpoints are made, listed, described and downloaded whole.
struct CheckpointTests {
    @Test func aCheckpointIsMadeListedAndDownloaded() async throws {
        try await withServer { server in
            try await server.makeRun()
            _ = try await server.send(.put, "/v1/runs/r/weights", weights())
            _ = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            let made = try await server.send(.post, "/v1/runs/r/checkpoints", json: #"{"label": "before the change"}"#)
            #expect(made.status == 201)
            #expect(made.fields[.location] == "/v1/runs/r/checkpoints/1")
            let description = try made.json
            #expect(description["step"] == 1)
            #expect(description["label"] == "before the change")
            #expect(description["bytes"]?.numberValue?.integer ?? 0 > 0)
            #expect(description["duration_seconds"]?.numberValue?.double ?? -1 >= 0)
            #expect(description["created_at"]?.stringValue?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil)
            #expect(try await server.send(.get, "/v1/runs/r/checkpoints").json["checkpoints"] == [description])
            #expect(try await server.send(.get, "/v1/runs/r/checkpoints/1").json == description)

            let state = try await server.send(.get, "/v1/runs/r/checkpoints/1", fields: [.accept: "application/vnd.safetensors"])
            #expect(state.fields[.contentType] == "application/vnd.safetensors")
            let tensors = try state.tensors
            let hosted = try await server.send(.get, "/v1/runs/r/weights").tensors
            #expect(tensors.first { $0.name == "w.weight" }?.bytes == hosted[0].bytes)
            let average = try await server.send(
                .get, "/v1/runs/r/parameters/w/state/exp_avg", fields: [.accept: "application/vnd.safetensors"]
            ).tensors
            #expect(tensors.first { $0.name == "w.exp_avg" }?.bytes == average[0].bytes)
        }
    }

    @Test func everyCheckpointButTheNewestCanBeDeleted() async throws {
        try await withServer { server in
            try await server.makeRun()
            for step in 1...3 {
                _ = try await server.send(.put, "/v1/runs/r/steps/\(step)", gradients(step))
                _ = try await server.send(.post, "/v1/runs/r/checkpoints", json: step == 1 ? #"{"label": "kept"}"# : "{}")
            }
            let path = "/v1/runs/r/checkpoints"
            #expect(try await server.send(.delete, "\(path)/3").outcome == "409 checkpoint-needed")
            #expect(try await server.send(.delete, "\(path)/2", fields: [.latherEpoch: "5"]).outcome == "409 epoch-fenced")
            for step in [1, 2] {
                #expect(try await server.send(.delete, "\(path)/\(step)", fields: [.latherEpoch: "0"]).status == 204)
                #expect(try await server.send(.delete, "\(path)/\(step)").outcome == "404 unknown-checkpoint")
                #expect(try await server.send(.get, "\(path)/\(step)").outcome == "404 unknown-checkpoint")
            }
            let left = try await server.send(.get, path).json["checkpoints"]?.arrayValue
            #expect(left?.map { $0["step"] } == [3])
        }
    }

    @Test func aRunIsRestored() async throws {
        try await withServer { server in
            try await server.makeRun()
            _ = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            let then = try await server.send(.get, "/v1/runs/r/parameters/w/state/exp_avg").bytes
            _ = try await server.send(.put, "/v1/runs/r/steps/2", gradients(2))
            let restored = try await server.send(.post, "/v1/runs/r/restore", json: #"{"step": 1}"#, fields: [.latherEpoch: "0"])
            #expect(restored.status == 200)
            #expect(restored.fields[.latherEpoch] == "1")
            #expect(try await restored.json == server.send(.get, "/v1/runs/r").json)
            #expect(try await server.send(.get, "/v1/runs/r/parameters/w/state/exp_avg").bytes == then)
            for (body, outcome) in [
                (#"{"step": 2}"#, "409 step-not-kept"), ("{}", "422 invalid-restore"), (#"{"step": -1}"#, "422 invalid-restore"),
                (#"{"step": 1, "to": 2}"#, "422 invalid-restore"), (#"{"step": "1"}"#, "422 invalid-restore"),
                ("[1]", "422 invalid-restore"), ("", "400 malformed-json"),
            ] {
                #expect(try await server.send(.post, "/v1/runs/r/restore", json: body).outcome == outcome, "\(body)")
            }
            let fenced = try await server.send(.post, "/v1/runs/r/restore", json: #"{"step": 1}"#, fields: [.latherEpoch: "0"])
            #expect(fenced.outcome == "409 epoch-fenced")
            #expect(try await server.send(.post, "/v1/runs/none/restore", json: #"{"step": 1}"#).outcome == "404 unknown-run")
        }
    }

    @Test(
        arguments: [
            (nil, "201"), ("", "201"), ("{}", "201"), (#"{"label": null}"#, "201"), (#"{"label": "x"}"#, "201"),
            (#"{"label": ""}"#, "422 invalid-checkpoint"),
            (#"{"label": 1}"#, "422 invalid-checkpoint"), (#"{"name": "x"}"#, "422 invalid-checkpoint"), ("[]", "422 invalid-checkpoint"),
            ("{", "400 malformed-json"), (#"{"label": "\#(String(repeating: "x", count: 257))"}"#, "422 invalid-checkpoint"),
        ] as [(String?, String)])
    func aLabelIsOptional(body: String?, expected: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.post, "/v1/runs/r/checkpoints", body.map { Array($0.utf8) }).outcome == expected)
        }
    }

    @Test(arguments: [
        ("0", "404 unknown-checkpoint"), ("7", "404 unknown-checkpoint"), ("x", "400 invalid-step-number"),
        ("00", "400 invalid-step-number"),
    ])
    func thereIsNoCheckpointThatWasNotMade(step: String, expected: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            for type in ["application/json", "application/vnd.safetensors"] {
                #expect(try await server.send(.get, "/v1/runs/r/checkpoints/\(step)", fields: [.accept: type]).outcome == expected)
            }
        }
    }
}
