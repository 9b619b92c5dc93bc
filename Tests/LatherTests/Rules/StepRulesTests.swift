import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// The eight rules of steps, one test each, through sockets, restarts and crashes. Rules 5 to 8 are in an extension.
    @Suite struct StepRulesTests {
        static let open: JSONValue = ["optimizer": ["lr": 0.01, "precondition_frequency": 2]]
        static let closed: JSONValue = [
            "optimizer": ["lr": 0.01, "precondition_frequency": 2],
            "parameters": [["name": "w", "shape": [6, 4]], ["name": "b", "shape": [4]]],
        ]

        static func gradients(_ seed: Int) -> [NamedTensor] {
            [NamedTensor("w", [6, 4], seed: UInt64(2 * seed)), NamedTensor("b", [4], seed: UInt64(2 * seed + 1))]
        }

        static func body(_ seed: Int) throws -> [UInt8] { try gradients(seed).encoded() }

        /// What must not be noticed by whoever repeats a step.
        enum Disturbance: CaseIterable {
            case none
            case patch
            case cleanRestart
            case kill

            func happen(to server: TestServer, _ runs: String...) throws {
                switch self {
                case .none: break
                case .patch:
                    for run in runs {
                        let patched = try server.connect().send("PATCH", run, ["optimizer": ["lr": 0.02, "eps": 1e-6]])
                        #expect(patched.status == 200)
                    }
                case .cleanRestart:
                    #expect(try server.stop(SIGTERM).code == 0)
                    try server.start()
                case .kill: try server.crashAndRestart()
                }
            }
        }

        /// A step is the run, the epoch, its number, its bytes, and its options as sent, by value.
        @Test(.timeLimit(.minutes(1)))
        func rule1Identity() throws {
            let given = ["lr=1e-3", "grad_scale=2", "max_grad_norm=10", "dtype=F64", "return=updates"]
            let sameByValue = "?return=updates&dtype=F64&max_grad_norm=1e1&grad_scale=2.0&lr=0.00100"
            let others = ["lr=0.002", "grad_scale=3", "max_grad_norm=11", "dtype=F32", "return=none"]
            let body = try StepRulesTests.body(1)
            var other = body
            other[other.count - 1] ^= 1
            try TestServer.use { server in
                var connection = try server.connect()
                for run in ["full", "bare"] { try connection.makeRun(run, StepRulesTests.open) }
                let full = try connection.putStep("full", 1, body, query: "?" + given.joined(separator: "&"))
                let bare = try connection.putStep("bare", 1, body)
                #expect(full.status == 200 && bare.status == 200 && full.body != bare.body)
                func expect(_ run: String, _ body: [UInt8], _ query: [String], _ outcome: String) throws {
                    let answer = try connection.putStep(run, 1, body, query: query.isEmpty ? "" : "?" + query.joined(separator: "&"))
                    #expect(answer.outcome == outcome, "\(run) \(query)")
                    if answer.status != 200 { #expect(answer.json["expected_step"] == 2 && answer.json["epoch"] == 0) }
                }
                for disturbance in Disturbance.allCases {
                    try disturbance.happen(to: server, "full", "bare")
                    connection = try server.connect()
                    for (again, first) in [
                        (try connection.putStep("full", 1, body, query: sameByValue), full),
                        (try connection.putStep("bare", 1, body), bare),
                    ] {
                        #expect(again.body == first.body && again["Lather-Replayed"] == "true", "\(disturbance)")
                    }
                    for index in given.indices {
                        var changed = given
                        changed[index] = others[index]
                        try expect("full", body, changed, "422 step-body-differs")
                        changed.remove(at: index)
                        try expect("full", body, changed, "422 step-body-differs")
                    }
                    // One left out is "left out", never the run's current value, be it the one from before a PATCH or after it.
                    for option in ["lr=0.01", "lr=0.02", "grad_scale=1", "max_grad_norm=1e9", "dtype=F32", "return=updates"] {
                        try expect("bare", body, [option], "422 step-body-differs")
                    }
                    try expect("full", other, given, "422 step-body-differs")
                    try expect("bare", other, [], "422 step-body-differs")
                }
                // In another run, or under the next number, the same bytes are another step.
                try connection.makeRun("third", StepRulesTests.open)
                for answer in [try connection.putStep("third", 1, body), try connection.putStep("bare", 2, body)] {
                    #expect(answer.status == 200 && answer["Lather-Replayed"] == nil)
                }
            }
        }

        /// The next step is applied, the last one answered again byte for byte, every other refused with what is expected.
        @Test(.timeLimit(.minutes(1)))
        func rule2Order() throws {
            try TestServer.use { server in
                var connection = try server.connect()
                try connection.makeRun("run", StepRulesTests.open)
                #expect(try connection.putStep("run", 2, StepRulesTests.body(2)).outcome == "409 step-out-of-order")
                for (index, disturbance) in Disturbance.allCases.enumerated() {
                    let first = 2 * index + 1
                    #expect(try connection.putStep("run", first, StepRulesTests.body(first)).status == 200)
                    let last = try connection.putStep("run", first + 1, StepRulesTests.body(first + 1))
                    #expect(last.status == 200 && last["Lather-Replayed"] == nil && last["Lather-Step"] == "\(first + 1)")
                    try disturbance.happen(to: server, "run")
                    connection = try server.connect()
                    let before = try RunPicture(of: "run", over: connection)
                    for (k, expected) in [
                        ("0", "400 invalid-step-number"), ("-1", "400 invalid-step-number"), ("0\(first + 2)", "400 invalid-step-number"),
                        ("1e1", "400 invalid-step-number"), ("\(first)", "409 step-already-applied"),
                        ("\(first + 3)", "409 step-out-of-order"), ("18446744073709551616", "409 step-out-of-order"),
                    ] {
                        let refused = try connection.request("PUT", "/v1/runs/run/steps/\(k)", body: StepRulesTests.body(first))
                        #expect(refused.outcome == expected, "\(disturbance), step \(k)")
                        guard refused.status == 409 else { continue }
                        #expect(refused.json["expected_step"] == .init(first + 2) && refused.json["epoch"] == 0)
                    }
                    for _ in 1...2 {
                        let again = try connection.putStep("run", first + 1, StepRulesTests.body(first + 1))
                        #expect(again.status == 200 && again.body == last.body && again["Lather-Replayed"] == "true", "\(disturbance)")
                        #expect(again["Lather-Step"] == last["Lather-Step"] && again["Lather-Epoch"] == "0")
                    }
                    #expect(try RunPicture(of: "run", over: connection) == before)
                }
            }
        }

        /// A writer of another epoch is fenced off whatever it writes; a restore, an import and a loss each raise the epoch by one.
        @Test(.timeLimit(.minutes(1)))
        func rule3Epoch() throws {
            try TestServer.use { server in
                var connection = try server.connect()
                try connection.makeRun("run", StepRulesTests.closed)
                #expect(try connection.request("PUT", "/v1/runs/run/weights", body: StepRulesTests.body(9)).status == 204)
                for k in 1...2 { #expect(try connection.putStep("run", k, StepRulesTests.body(k), epoch: 0).status == 200) }
                #expect(try connection.send("POST", "run/checkpoints", nil, epoch: 0).status == 201)
                let two = try RunPicture(of: "run", over: connection)
                let state = try connection.download("run", checkpointAt: 2)
                var answers: [Int: [UInt8]] = [:]
                for k in 3...5 { answers[k] = try connection.putStep("run", k, StepRulesTests.body(k)).body }

                let five = try RunPicture(of: "run", over: connection)
                let body = try StepRulesTests.body(6)
                for (method, path, bytes) in [
                    ("PUT", "", StepRulesTests.closed.serialized()), ("PATCH", "", Array(#"{"optimizer": {"lr": 1}}"#.utf8)),
                    ("DELETE", "", nil), ("PUT", "/steps/6", body), ("PUT", "/steps/5", body), ("POST", "/steps", body),
                    ("PUT", "/parameters/b/steps/6", body), ("PUT", "/weights", body), ("PUT", "/state", state),
                    ("POST", "/checkpoints", nil), ("DELETE", "/checkpoints/2", nil), ("POST", "/restore", Array(#"{"step": 2}"#.utf8)),
                ] as [(String, String, [UInt8]?)] {
                    let fenced = try connection.request(method, "/v1/runs/run\(path)", fields: [("Lather-Epoch", "1")], body: bytes)
                    #expect(fenced.outcome == "409 epoch-fenced" && fenced.json["epoch"] == 0, "\(method) \(path)")
                }
                #expect(try RunPicture(of: "run", over: connection) == five)

                // A restore: state, weights and step come back with the replay record, options stay, what came after is gone.
                #expect(try connection.send("PATCH", "run", ["optimizer": ["max_update_rms": 1000]], epoch: 0).status == 200)
                let patched = try RunPicture(of: "run", over: connection).settings
                let restored = try connection.send("POST", "run/restore", ["step": 2], epoch: 0)
                #expect(restored.status == 200 && restored["Lather-Epoch"] == "1")
                let back = try RunPicture(of: "run", over: connection)
                #expect((back.step, back.durableStep, back.epoch) == (2, 2, 1) && back.settings == patched)
                #expect(back.tensors == two.tensors && back.counts == two.counts)
                #expect(try connection.putStep("run", 3, StepRulesTests.body(3), epoch: 0).outcome == "409 epoch-fenced")
                #expect(try connection.putStep("run", 2, StepRulesTests.body(2), epoch: 1)["Lather-Replayed"] == "true")
                for k in 3...5 { #expect(try connection.putStep("run", k, StepRulesTests.body(k), epoch: 1).body == answers[k]) }

                // An import: nothing is replayable until the next step.
                #expect(try connection.request("PUT", "/v1/runs/run/state", fields: [("Lather-Epoch", "1")], body: state).status == 200)
                #expect(try connection.putStep("run", 2, StepRulesTests.body(2), epoch: 2).outcome == "409 step-already-applied")
                #expect(try connection.putStep("run", 3, StepRulesTests.body(3), epoch: 2).body == answers[3])
                try server.crashAndRestart()
                connection = try server.connect()
                #expect(try connection.get("/v1/runs/run").json["epoch"] == 2, "nothing was lost")

                // A restart that loses answered steps.
                for durability in ["checkpoint", "memory"] {
                    let run = "run-\(durability)"
                    try connection.makeRun(run, ["optimizer": ["lr": 0.01], "policy": ["durability": .string(durability)]])
                    let before = try connection.putStep(run, 1, StepRulesTests.body(1))
                    #expect(before["Lather-Durable-Step"] == "0")
                    try server.crashAndRestart()
                    connection = try server.connect()
                    #expect(try connection.putStep(run, 2, StepRulesTests.body(2), epoch: 0).outcome == "409 epoch-fenced")
                    let again = try connection.putStep(run, 1, StepRulesTests.body(1), epoch: 1)
                    #expect(again.body == before.body && again["Lather-Replayed"] == nil)
                    #expect(try server.stop(SIGTERM).code == 0)
                    try server.start()
                    connection = try server.connect()
                    #expect(try connection.get("/v1/runs/\(run)").json["epoch"] == 1, "a clean stop loses nothing")
                }
            }
        }

        /// The first step decides the level; at parameter level each parameter counts for itself.
        @Test(.timeLimit(.minutes(1)))
        func rule4TwoLevelsOneAtATime() throws {
            let (w, b) = (StepRulesTests.gradients(1)[0], StepRulesTests.gradients(1)[1])
            try TestServer.use { server in
                var connection = try server.connect()
                for run in ["whole", "single"] { try connection.makeRun(run, StepRulesTests.closed) }
                #expect(try connection.putStep("whole", 1, StepRulesTests.body(1)).status == 200)
                for k in 1...3 {
                    let answer = try connection.putStep("single", k, of: w)
                    #expect(answer.status == 200 && answer["Lather-Step"] == "\(k)" && answer["Lather-Durable-Step"] == "\(k)")
                }
                for hasCrashed in [false, true] {
                    if hasCrashed { try server.crashAndRestart() }
                    connection = try server.connect()
                    for (answer, expected) in [
                        (try connection.putStep("whole", 1, of: w), "409 step-level-mixed"),
                        (try connection.putStep("single", 1, StepRulesTests.body(1)), "409 step-level-mixed"),
                        (try connection.request("POST", "/v1/runs/single/steps", body: StepRulesTests.body(1)), "409 step-level-mixed"),
                        (try connection.putStep("single", 2, of: w), "409 step-already-applied"),
                        (try connection.putStep("single", 5, of: w), "409 step-out-of-order"),
                        (try connection.putStep("single", 2, of: b), "409 step-out-of-order"),
                        (try connection.putStep("single", 3, of: w, query: "?lr=1"), "422 step-body-differs"),
                        (try connection.putStep("single", 1, of: NamedTensor("x", [4], seed: 1)), "404 unknown-parameter"),
                    ] {
                        #expect(answer.outcome == expected)
                        if answer.problem == "step-out-of-order" {
                            #expect([1, 4].contains(answer.json["expected_step"]), "each parameter expects its own next")
                        }
                    }
                    #expect(try connection.putStep("single", 3, of: w)["Lather-Replayed"] == "true")
                    let picture = try RunPicture(of: "single", over: connection)
                    #expect(picture.step == 0 && picture.counts == ["w": 3, "b": 0], "the run's step is the smallest")
                }
                // Restore goes to checkpoints only.
                #expect(try connection.putStep("single", 1, of: b).status == 200)
                #expect(try connection.send("POST", "single/checkpoints").json["step"] == 1)
                let one = try RunPicture(of: "single", over: connection)
                for k in 2...3 { #expect(try connection.putStep("single", k, of: b).status == 200) }
                #expect(try connection.send("POST", "single/restore", ["step": 2]).outcome == "409 step-not-kept")
                #expect(try connection.send("POST", "single/restore", ["step": 1]).status == 200)
                let back = try RunPicture(of: "single", over: connection)
                #expect(back.tensors == one.tensors && back.counts == ["w": 3, "b": 1] && back.epoch == 1)
                // The norm is that tensor's alone.
                for run in ["one", "all"] { try connection.makeRun(run, StepRulesTests.closed) }
                let alone = try connection.putStep("one", 1, of: w, query: "?max_grad_norm=0.5")
                let whole = try connection.step("all", 1, [w], query: "?max_grad_norm=0.5")
                #expect(whole.tensors[0].elements.withUnsafeBytes { [UInt8]($0) } == alone.body)
            }
        }
    }
}
