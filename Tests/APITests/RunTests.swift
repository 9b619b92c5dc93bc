import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// Runs are made from manifests, shown, listed and deleted.
struct RunTests {
    @Test func aRunIsMadeShownListedAndDeleted() async throws {
        try await withServer { server in
            let made = try await server.send(.put, "/v1/runs/my-run_1.0", json: TestServer.manifest)
            #expect(made.status == 201)
            #expect(made.fields[.location] == "/v1/runs/my-run_1.0")
            #expect(made.fields[.latherEpoch] == "0")
            #expect(try made.json["parameters"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == ["w", "w.bias"])
            #expect(try made.json["parameters"]?.arrayValue?.last?["group"] == "slow")

            let shown = try await server.send(.get, "/v1/runs/my-run_1.0").json
            for (name, value) in [("name", "my-run_1.0"), ("step", 0), ("durable_step", 0), ("epoch", 0), ("parameter_count", 2)]
                as [(String, JSONValue)]
            {
                #expect(shown[name] == value, "\(name)")
            }
            let shares = try made.json["parameters"]?.arrayValue?.compactMap { $0["state_bytes"]?.numberValue?.integer } ?? []
            #expect(shown["state_bytes"]?.numberValue?.integer == shares.reduce(0, +))
            #expect(shares.allSatisfy { $0 > 0 })
            #expect(try await server.send(.get, "/v1/runs").json["runs"] == [shown])

            let deleted = try await server.send(.delete, "/v1/runs/my-run_1.0")
            #expect(deleted.status == 204)
            #expect(deleted.bytes.isEmpty)
            #expect(try await server.send(.get, "/v1/runs/my-run_1.0").outcome == "404 unknown-run")
            #expect(try await server.send(.delete, "/v1/runs/my-run_1.0").outcome == "404 unknown-run")
            #expect(try await server.send(.get, "/v1/runs").json["runs"] == [])
        }
    }

    @Test func aRunIsPatched() async throws {
        try await withServer { server in
            _ = try await server.send(.put, "/v1/runs/r", json: TestServer.manifest)
            let patch = #"{"optimizer": {"lr": 0.25}, "policy": {"on_nonfinite": "skip"}}"#
            func send(_ body: String, _ type: String? = "application/merge-patch+json", epoch: String = "0") async throws -> Answer {
                var fields = HTTPFields()
                fields[.contentType] = type
                fields[.latherEpoch] = epoch
                return try await server.send(.patch, "/v1/runs/r", Array(body.utf8), fields: fields)
            }
            let patched = try await send(patch)
            #expect(patched.status == 200)
            #expect(patched.fields[.latherEpoch] == "0")
            let shown = try await server.send(.get, "/v1/runs/r").json
            #expect(try patched.json == shown)
            #expect(shown["optimizer"]?["lr"] == 0.25)
            #expect(shown["policy"]?["on_nonfinite"] == "skip")

            #expect(try await send(patch, nil).status == 200)
            let refused = try await send(patch, "application/json")
            #expect(refused.outcome == "415 unsupported-media-type")
            #expect(refused.fields[.acceptPatch] == "application/merge-patch+json")
            #expect(try await send("{").outcome == "400 malformed-json")
            #expect(try await send(patch, epoch: "1").outcome == "409 epoch-fenced")
            #expect(try await send(#"{"parameters": []}"#).outcome == "422 option-not-tunable")
            #expect(try await send(#"{"optimizer": {"lr": "fast"}}"#).outcome == "422 invalid-option")
            #expect(try await server.send(.patch, "/v1/runs/none", Array(patch.utf8)).outcome == "404 unknown-run")
            #expect(try await server.send(.get, "/v1/runs/r").json == shown)
        }
    }

    @Test func everyOptionIsShownAsGivenOrByDefault() async throws {
        try await withServer { server in
            let manifest = #"{"optimizer": {"lr": 3e-3, "betas": [0.90, 0.5], "precondition_frequency": [[0, 1], [100, 10]]}}"#
            let shown = try #require(try await server.send(.put, "/v1/runs/r", json: manifest).json["optimizer"]?.objectValue)
            #expect(shown.count == 22)
            #expect(shown["lr"]?.numberValue?.literal == "3e-3")
            #expect(shown["betas"]?.arrayValue?.first?.numberValue?.literal == "0.90")
            #expect(shown["weight_decay_method"] == "decoupled")
            #expect(shown["max_precondition_dim"]?.isNull == true)
        }
    }

    @Test(arguments: [
        // The same, in other words.
        (TestServer.manifest, "200"),
        (
            #"{"parameters": [{"shape": [3], "name": "w.bias"}, {"name": "w", "shape": [2, 3.0]}],"#
                + #" "groups": {"slow": {"lr": 1e-2, "match": ["*.bias"]}}, "policy": {}, "optimizer": {"betas": [0.9, 0.950], "lr": 0.10, "max_precondition_dim": null}}"#,
            "200"
        ),
        // Another run.
        (#"{"optimizer": {"lr": 0.1}}"#, "409 run-exists"),
        (TestServer.manifest.replacing("\"lr\": 0.1}", with: "\"lr\": 0.2}"), "409 run-exists"),
        (TestServer.manifest.replacing("[2, 3]", with: "[3, 2]"), "409 run-exists"),
        (TestServer.manifest.replacing("*.bias", with: "*bias"), "409 run-exists"),
        (TestServer.manifest.replacing("0.01", with: "0.02"), "409 run-exists"),
        (TestServer.manifest.replacing("]}]", with: "]}], \"policy\": {\"checkpoint_every\": 7}"), "409 run-exists"),
    ])
    func puttingAManifestAgainIsComparedByValue(manifest: String, expected: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            let answer = try await server.send(.put, "/v1/runs/r", json: manifest)
            #expect(answer.outcome == expected)
            if answer.status == 200 { #expect(answer.fields[.location] == nil) }
        }
    }

    @Test(arguments: [
        ("a", 201), ("A-Z.0_9", 201), ("...", 201), (String(repeating: "x", count: 128), 201), (String(repeating: "x", count: 129), 400),
        (".", 400), ("..", 400), ("a%2Fb", 400), ("a%20b", 400), ("%C3%A9", 400), ("a+b", 400), ("%2E%2E", 400),
    ])
    func aRunsNameIsOfAFewCharacters(name: String, status: Int) async throws {
        try await withServer { server in
            let answer = try await server.send(.put, "/v1/runs/\(name)", json: TestServer.openManifest)
            #expect(answer.outcome == (status == 201 ? "201" : "400 invalid-run-name"))
        }
    }

    @Test(arguments: [
        ("", "400 malformed-json"), ("{", "400 malformed-json"),
        (#"{"optimizer": {"lr": 1}, "optimizer": {"lr": 1}}"#, "400 malformed-json"),
        (#"{"optimizer": {"lr": NaN}}"#, "400 malformed-json"), ("[]", "422 invalid-manifest"), ("{}", "422 invalid-manifest"),
        (#"{"optimizer": {"lr": 1}, "extra": 1}"#, "422 invalid-manifest"), (#"{"optimizer": {}}"#, "422 invalid-option"),
        (#"{"optimizer": {"lr": "1"}}"#, "422 invalid-option"), (#"{"optimizer": {"lr": -1}}"#, "422 invalid-option"),
        (#"{"optimizer": {"lr": 1, "epsilon": 1}}"#, "422 unknown-option"), (#"{"optimizer": {"lr": 1, "eps": 0}}"#, "422 invalid-option"),
        (#"{"optimizer": {"lr": 1, "betas": [0.9, 1]}}"#, "422 invalid-option"),
        (#"{"optimizer": {"lr": 1, "weight_decay": null}}"#, "422 invalid-option"),
        (#"{"optimizer": {"lr": 1}, "policy": {"durability": "none"}}"#, "422 invalid-option"),
        (#"{"optimizer": {"lr": 1}, "policy": {"every": 1}}"#, "422 unknown-option"),
        (#"{"optimizer": {"lr": 1}, "parameters": []}"#, "422 invalid-manifest"),
        (#"{"optimizer": {"lr": 1}, "parameters": [{"name": "", "shape": [1]}]}"#, "422 invalid-parameter-name"),
        (#"{"optimizer": {"lr": 1}, "parameters": [{"name": "__metadata__", "shape": [1]}]}"#, "422 invalid-parameter-name"),
        (#"{"optimizer": {"lr": 1}, "parameters": [{"name": "a", "shape": [0]}]}"#, "422 wrong-shape"),
        (#"{"optimizer": {"lr": 1}, "parameters": [{"name": "a", "shape": [1]}, {"name": "a", "shape": [1]}]}"#, "422 invalid-manifest"),
        (#"{"optimizer": {"lr": 1}, "parameters": [{"name": "a", "shape": [1], "group": "g"}]}"#, "422 invalid-manifest"),
        (#"{"optimizer": {"lr": 1}, "groups": {"g": {"fp32_matmul_prec": "high"}}}"#, "422 invalid-option"),
        (#"{"optimizer": {"lr": 1, "use_kl_shampoo": true}, "parameters": [{"name": "a", "shape": [2, 2, 2]}]}"#, "422 invalid-option"),
    ])
    func aManifestThatCannotBeMeantIsRefused(manifest: String, expected: String) async throws {
        try await withServer { server in
            let answer = try await server.send(.put, "/v1/runs/r", json: manifest)
            #expect(answer.outcome == expected)
            #expect(try await server.send(.get, "/v1/runs").json["runs"] == [])
        }
    }

    @Test func aRunThatDoesNotFitIsRefusedWithTheSumsAndAWayOut() async throws {
        try await withServer(memoryBudget: 100_000) { server in
            let manifest =
                #"{"optimizer": {"lr": 1}, "parameters": [{"name": "big", "shape": [5000, 2]}, {"name": "small", "shape": [2]}]}"#
            let answer = try await server.send(.put, "/v1/runs/r", json: manifest)
            #expect(answer.outcome == "507 memory-budget-exceeded")
            let json = try answer.json
            #expect(json["budget_bytes"] == 100_000)
            #expect(json["costliest"]?.arrayValue?.first?["name"] == "big")
            let needed = try #require(json["needed_bytes"]?.numberValue?.integer)
            let saved = try #require(json["with_max_precondition_dim"]?.arrayValue?.last?["state_bytes"]?.numberValue?.integer)
            #expect(needed > 100_000 && saved < needed)
            #expect(try await server.send(.get, "/v1").json["limits"]?["state_bytes"] == 0)
        }
    }

    @Test func aDeletedRunGivesItsMemoryBackAndItsNameFree() async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.put, "/v1/runs/r/steps/1", gradients(1)).status == 200)
            _ = try await server.send(.delete, "/v1/runs/r")
            #expect(try await server.send(.get, "/v1").json["limits"]?["state_bytes"] == 0)
            try await server.makeRun()
            #expect(try await server.send(.get, "/v1/runs/r").json["step"] == 0)
        }
    }
}
