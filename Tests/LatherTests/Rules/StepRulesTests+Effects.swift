import Foundation
import StrictJSON
import Testing

extension EndToEnd.StepRulesTests {
    /// A parameter that is not in the body keeps everything; the list of parameters is open, or closed by the manifest.
    @Test(.timeLimit(.minutes(1)))
    func rule5Subsets() throws {
        try TestServer.use { server in
            var connection = try server.connect()
            let schedule: JSONValue = [
                "lr": 0.01, "precondition_frequency": [[0, 1], [3, 2]], "adam_warmup_steps": 2,
            ]
            for run in ["both", "alone"] { try connection.makeRun(run, ["optimizer": schedule]) }
            let picks = [[0, 1], [0], [0], [1], [0, 1], [1], [0], [1]]
            var ownSteps = 0
            for (index, pick) in picks.enumerated() {
                if index == 5 {
                    try server.crashAndRestart()
                    connection = try server.connect()
                }
                let before = try index > 0 ? RunPicture(of: "both", over: connection) : nil
                let tensors = pick.map { EndToEnd.StepRulesTests.gradients(index)[$0] }
                let updates = try connection.step("both", index + 1, tensors)
                #expect(updates.tensors.map(\.name) == tensors.map(\.name))
                let after = try RunPicture(of: "both", over: connection)
                for name in ["w", "b"] where !tensors.contains(where: { $0.name == name }) {
                    #expect(updates.weightScale(of: name) == 1)
                    let prefix = "\(name) "
                    #expect(after.counts[name] == before?.counts[name])
                    #expect(
                        after.tensors.filter { $0.key.hasPrefix(prefix) } == before?.tensors.filter { $0.key.hasPrefix(prefix) },
                        "\(name) at step \(index + 1)")
                }
                // Bias correction, frequency and warm-up follow b's own count: as if nothing else existed.
                guard let b = tensors.first(where: { $0.name == "b" }) else { continue }
                ownSteps += 1
                let alone = try connection.step("alone", ownSteps, [b])
                #expect(alone.tensors.first == updates.tensors.first { $0.name == "b" }, "step \(ownSteps) of its own")
                #expect(alone.weightScale(of: "b") == updates.weightScale(of: "b"))
            }

            let new = EndToEnd.StepRulesTests.gradients(1) + [NamedTensor("late", [3], seed: 7)]
            #expect(try connection.putStep("both", 9, new.encoded()).status == 200)
            #expect(try RunPicture(of: "both", over: connection).counts == ["w": 6, "b": 6, "late": 1])
            try connection.makeRun("closed", EndToEnd.StepRulesTests.closed)
            let refused = try connection.putStep("closed", 1, new.encoded())
            #expect(refused.outcome == "422 undeclared-parameter" && refused.json["parameter"] == "late")
        }
    }

    /// Everything is checked before anything changes.
    @Test(.timeLimit(.minutes(1)))
    func rule6AllOrNothing() throws {
        let good = EndToEnd.StepRulesTests.gradients(2)
        var (notANumber, infinite, enormous) = (good[1], good[1], good[1])
        notANumber.elements[1] = .nan
        notANumber.elements[3] = .nan
        infinite.elements[0] = -.infinity
        enormous.elements = enormous.elements.map { _ in .greatestFiniteMagnitude }
        let cases: [(name: String, body: [UInt8], query: String, outcome: String, fields: JSONValue)] = try [
            ("cut off", Array(good.encoded().dropLast()), "", "422 malformed-body", [:]),
            ("no safetensors", Array("hello".utf8), "", "422 malformed-body", [:]),
            ("no tensor", [NamedTensor]().encoded(), "", "422 empty-step", [:]),
            (
                "wrong shape", [good[0], NamedTensor("b", [5], seed: 1)].encoded(), "", "422 wrong-shape",
                ["parameter": "b", "expected": [4], "got": [5]]
            ),
            (
                "unknown name", (good + [NamedTensor("x", [1], seed: 1)]).encoded(), "", "422 undeclared-parameter", ["parameter": "x"]
            ),
            ("NaN", [good[0], notANumber].encoded(), "", "422 nonfinite-gradient", ["parameter": "b", "nonfinite_count": 2]),
            ("infinite", [good[0], infinite].encoded(), "", "422 nonfinite-gradient", ["parameter": "b", "nonfinite_count": 1]),
            ("beyond F32 in state", [good[0], enormous].encoded(), "", "422 nonfinite-gradient", ["parameter": "b"]),
            ("beyond F32 by its scale", good.encoded(), "?grad_scale=1e-40", "422 nonfinite-gradient", [:]),
            ("negative rate", good.encoded(), "?lr=-1", "422 invalid-step-option", [:]),
            ("unknown group", good.encoded(), "?lr.x=1", "422 invalid-step-option", [:]),
            ("unknown query", good.encoded(), "?rate=1", "400 unknown-query-parameter", [:]),
            ("weights that are not hosted", good.encoded(), "?return=weights", "409 weights-required", [:]),
        ]
        try TestServer.use { server in
            var connection = try server.connect()
            for run in ["run", "twin"] {
                try connection.makeRun(run, EndToEnd.StepRulesTests.closed)
                #expect(try connection.putStep(run, 1, EndToEnd.StepRulesTests.body(1)).status == 200)
            }
            let before = try RunPicture(of: "run", over: connection)
            for hasCrashed in [false, true] {
                for (name, body, query, outcome, fields) in cases {
                    let refused = try connection.putStep("run", 2, body, query: query)
                    #expect(refused.outcome == outcome, "\(name)")
                    for (field, value) in fields.objectValue ?? JSONObject() { #expect(refused.json[field] == value, "\(name)") }
                    #expect(try RunPicture(of: "run", over: connection) == before, "\(name)")
                }
                guard !hasCrashed else { break }
                try server.crashAndRestart()
                connection = try server.connect()
            }
            #expect(try connection.putStep("run", 2, good.encoded()).body == connection.putStep("twin", 2, good.encoded()).body)

            // Skipped: zeros and factor 1, k advances, and no count, moment or factor changes.
            let policy: JSONValue = ["policy": ["on_nonfinite": "skip"]]
            #expect(try connection.send("PATCH", "run", policy).status == 200)
            let two = try RunPicture(of: "run", over: connection)
            let skipped = try Updates(connection.putStep("run", 3, [good[0], notANumber].encoded()))
            #expect(skipped.tensors.allSatisfy { $0.elements.allSatisfy { $0 == 0 } })
            #expect(skipped.weightScale(of: "w") == 1 && skipped.weightScale(of: "b") == 1)
            for hasCrashed in [false, true] {
                if hasCrashed {
                    try server.crashAndRestart()
                    connection = try server.connect()
                }
                let three = try RunPicture(of: "run", over: connection)
                #expect(three.step == 3 && three.tensors == two.tensors)
                let again = try connection.putStep("run", 3, [good[0], notANumber].encoded())
                #expect(again["Lather-Replayed"] == "true" && again.body == skipped.answer.body)
            }
            let next = try EndToEnd.StepRulesTests.body(3)
            #expect(try connection.putStep("run", 4, next).body == connection.putStep("twin", 3, next).body)
        }
    }

    /// The log holds everything in one order, is pruned behind checkpoints, and a replay that differs says so.
    @Test(.timeLimit(.minutes(1)))
    func rule7TheLog() throws {
        try TestServer.use { server in
            var connection = try server.connect()
            let manifest: JSONValue = [
                "optimizer": ["lr": 0.01, "precondition_frequency": 2], "policy": ["checkpoint_every": 1000],
            ]
            for run in ["run", "twin"] { try connection.makeRun(run, manifest) }
            // Each kind of record after each other; `run` crashes after every one, its twin on the same server never notices.
            let late = [NamedTensor("late", [3, 2], seed: 50)]
            var state: [UInt8] = []
            func change(_ number: Int, _ run: String) throws -> HTTPAnswer {
                switch number {
                case 1: try connection.putStep(run, 1, EndToEnd.StepRulesTests.body(1))
                case 2: try connection.send("PATCH", run, ["optimizer": ["lr": 0.03]])
                case 3: try connection.putStep(run, 2, EndToEnd.StepRulesTests.body(2), query: "?lr=0.5&grad_scale=3")
                case 4: try connection.request("PUT", "/v1/runs/\(run)/weights", body: EndToEnd.StepRulesTests.body(70))
                case 5: try connection.putStep(run, 3, EndToEnd.StepRulesTests.body(3), query: "?return=weights")
                case 6: try connection.send("POST", "\(run)/checkpoints")
                case 7: try connection.putStep(run, 4, EndToEnd.StepRulesTests.body(4))
                case 8: try connection.request("PUT", "/v1/runs/\(run)/state", body: state)
                case 9: try connection.send("PATCH", run, ["optimizer": ["use_nesterov": true]])
                case 10: try connection.putStep(run, 4, EndToEnd.StepRulesTests.body(5))
                case 11: try connection.send("POST", "\(run)/restore", ["step": 3])
                case 12: try connection.putStep(run, 4, EndToEnd.StepRulesTests.body(6))
                default: try connection.putStep(run, 5, EndToEnd.StepRulesTests.body(7))
                }
            }
            for number in 1...13 {
                if number == 8 { state = try connection.download("run", checkpointAt: 3) }
                let answers = try ["run", "twin"].map { try change(number, $0) }
                guard answers[0].status < 300 else { throw answers[0].failure("change \(number)") }
                if answers[0]["Content-Type"] != "application/json" { #expect(answers[0].body == answers[1].body, "change \(number)") }
                let before = try RunPicture(of: "run", over: connection)
                #expect(try RunPicture(of: "twin", over: connection) == before, "change \(number)")
                try server.crashAndRestart()
                connection = try server.connect()
                for run in ["run", "twin"] { #expect(try RunPicture(of: run, over: connection) == before, "\(run), change \(number)") }
            }

            try connection.makeRun("open", EndToEnd.StepRulesTests.open)
            #expect(try connection.putStep("open", 1, late.encoded()).status == 200)
            try server.crashAndRestart()
            connection = try server.connect()
            #expect(try RunPicture(of: "open", over: connection).counts == ["late": 1], "a step registers what it names")
        }
    }

    #if arch(x86_64)
        /// Other kernels give other last bits, which the digest of each answer tells after a crash.
        @Test(.timeLimit(.minutes(1)))
        func rule7AReplayThatDiffersSaysSo() throws {
            let body = try [NamedTensor("w", [96, 80], seed: 1)].encoded()
            try TestServer.use(environment: ["OPENBLAS_CORETYPE": "Haswell"]) { server in
                try server.connect().makeRun("run", EndToEnd.StepRulesTests.open)
                for k in 1...4 { #expect(try server.connect().putStep("run", k, body).status == 200) }
                for (kernels, differs) in [("Haswell", false), ("Prescott", true)] {
                    try server.stop(SIGKILL)
                    try server.start(environment: ["OPENBLAS_CORETYPE": kernels])
                    #expect(server.process.error.contains("gave other bits than the first time") == differs, "\(kernels)")
                }
                #expect(try server.connect().putStep("run", 5, body).status == 200)
            }
        }
    #endif

    /// What the log no longer needs goes, what it needs stays, and a promise that grows begins with a checkpoint.
    @Test(.timeLimit(.minutes(1)))
    func rule7CheckpointsAndTheLog() throws {
        try TestServer.use { server in
            var connection = try server.connect()
            try connection.makeRun("run", ["optimizer": ["lr": 0.01], "policy": ["checkpoint_every": 1000]])
            for k in 1...4 {
                #expect(try connection.putStep("run", k, EndToEnd.StepRulesTests.body(k)).status == 200)
                if k.isMultiple(of: 2) { #expect(try connection.send("POST", "run/checkpoints").status == 201) }
            }
            #expect(try connection.send("DELETE", "run/checkpoints/4").outcome == "409 checkpoint-needed")
            let pruned = try connection.send("POST", "run/restore", ["step": 3])
            #expect(pruned.outcome == "409 step-not-kept" && pruned.json["checkpoints"] == [2, 4])
            #expect(try connection.send("DELETE", "run/checkpoints/2").status == 204)

            // A vector's state is twice its gradient, so the log has four times the state after eight steps or a few more.
            try connection.makeRun("long", ["optimizer": ["lr": 0.01], "policy": ["checkpoint_every": 1000]])
            var steps = 0
            while try connection.get("/v1/runs/long/checkpoints").json["checkpoints"] == [] {
                steps += 1
                try #require(steps < 100, "the log grows without end")
                #expect(try connection.putStep("long", steps, [NamedTensor("w", [768], seed: 1)].encoded()).status == 200)
            }
            #expect(steps >= 8)

            // A stronger promise holds for the steps before it too.
            for (weak, strong) in [("memory", "log"), ("memory", "checkpoint"), ("checkpoint", "log")] {
                let run = "\(weak)-\(strong)"
                try connection.makeRun(run, ["optimizer": ["lr": 0.01], "policy": ["durability": .string(weak)]])
                for k in 1...3 { #expect(try connection.putStep(run, k, EndToEnd.StepRulesTests.body(k)).status == 200) }
                let patched = try connection.send("PATCH", run, ["policy": ["durability": .string(strong)]])
                #expect(patched.json["durable_step"] == 3)
                let before = try RunPicture(of: run, over: connection)
                try server.crashAndRestart()
                connection = try server.connect()
                #expect(try RunPicture(of: run, over: connection) == before, "\(run)")
            }
        }
    }

    /// After a failed fsync the step is sent again: it is taken once, and every answer is what it would have been.
    @Test(.enabled(if: FaultInjector.isPossible, "needs strace, and the right to attach it"), .timeLimit(.minutes(1)))
    func rule8InDoubt() throws {
        try TestServer.use { server in
            var connection = try server.connect()
            for run in ["run", "twin"] {
                try connection.makeRun(run, EndToEnd.StepRulesTests.closed)
                #expect(try connection.putStep(run, 1, EndToEnd.StepRulesTests.body(1)).status == 200)
            }
            for (index, endsInCrash) in [false, true, true].enumerated() {
                let step = index + 2
                let body = try EndToEnd.StepRulesTests.body(step)
                let before = try RunPicture(of: "run", over: connection)
                let injector = try FaultInjector(into: server.process.identifier, call: "fdatasync", error: "EIO", at: 1)
                let doubtful = try connection.putStep("run", step, body)
                injector.end()
                #expect(doubtful.outcome == "503 commit-unknown" && doubtful["Retry-After"] != nil)
                // Either outcome is consistent, once the file has been read again; only strace made the sync fail.
                let settled = try RunPicture(of: "run", over: connection)
                #expect(settled == before || settled.step == step)
                if endsInCrash {
                    try server.crashAndRestart()
                    connection = try server.connect()
                    #expect(try RunPicture(of: "run", over: connection) == settled)
                }
                let again = try connection.putStep("run", step, body)
                #expect(again.status == 200)
                #expect(try again.body == connection.putStep("twin", step, body).body)
            }
            let after = try RunPicture(of: "run", over: connection)
            #expect(try after.tensors == RunPicture(of: "twin", over: connection).tensors)
            try server.crashAndRestart()
            #expect(try RunPicture(of: "run", over: server.connect()) == after)
        }
    }
}
