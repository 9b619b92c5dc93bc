import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// `kill -9` at moments that are too short to be hit from outside; see `KillPoint` in Storage.
    @Suite struct KillPointTests {
        private static let stepCount = 9
        /// Tensors of this size are committed one by one, so that a checkpoint takes many transactions.
        private static let manifest: JSONValue = [
            "optimizer": ["lr": 0.01, "precondition_frequency": 5], "policy": ["checkpoint_every": 4, "keep_checkpoints": 1],
        ]

        private static func body(_ step: Int) throws -> [UInt8] {
            try [NamedTensor("w", [260, 256], seed: UInt64(step))].encoded()
        }

        @Test(.timeLimit(.minutes(5)))
        func aKillAtEveryPointLosesNothingAndChangesNoBit() throws {
            let undisturbed = try train(killAt: nil)
            for (point, counts) in [
                ("before-log", [1, 5]), ("before-apply", [1, 5]), ("after-log", [1, 5]), ("in-checkpoint", [1, 3, 8]),
                ("before-completion", [1, 2]), ("before-pruning", [1, 2]), ("in-pruning", [1, 2, 3]),
            ] {
                for count in counts {
                    let killed = try train(killAt: "\(point):\(count)")
                    #expect(killed.wasKilled, "\(point):\(count) was never reached")
                    #expect(killed.answers == undisturbed.answers, "\(point):\(count)")
                    #expect(killed.tensors == undisturbed.tensors, "\(point):\(count)")
                }
            }
        }

        /// The trainer sends a request again until it is answered; whether the first one was carried out shows in what it is
        /// answered the second time, and the end is the same.
        @Test(.timeLimit(.minutes(2)))
        func aKillDuringAPatchOrARestoreLeavesTheOneOrTheOtherSide() throws {
            let undisturbed = try changeItsMind(killAt: nil)
            #expect(undisturbed.epoch == 1)
            for (point, counts) in [
                ("before-log", [3, 4]), ("before-apply", [3, 4]), ("after-log", [3, 4]), ("in-checkpoint", [1, 5]),
                ("before-completion", [1]), ("before-pruning", [1]), ("in-pruning", [1]),
            ] {
                for count in counts {
                    let killed = try changeItsMind(killAt: "\(point):\(count)")
                    #expect(killed.wasKilled, "\(point):\(count) was never reached")
                    #expect(killed.answers == undisturbed.answers, "\(point):\(count)")
                    #expect(killed.epoch == 1, "\(point):\(count)")
                }
            }
        }

        /// Two steps, a patch, a third, back to the second, and a third again.
        private func changeItsMind(killAt: String?) throws -> (answers: [[UInt8]], epoch: Int?, wasKilled: Bool) {
            var answers: [[UInt8]] = []
            var epoch: Int?
            var wasKilled = false
            try TestServer.use(binary: LatherProcess.debugBinary) { server in
                try server.connect().makeRun("run", ["optimizer": ["lr": 0.01]])
                if let killAt {
                    try server.stop(SIGTERM)
                    try server.start(environment: ["LATHER_KILL_AT": killAt])
                }
                func request(_ method: String, _ path: String, fields: [(String, String)] = [], _ body: [UInt8]) throws -> HTTPAnswer {
                    if let answer = try? server.connect().request(method, path, fields: fields, body: body) { return answer }
                    wasKilled = try server.process.wait().code == nil
                    try server.start()
                    return try server.connect().request(method, path, fields: fields, body: body)
                }
                func step(_ k: Int) throws {
                    let answer = try request("PUT", "/v1/runs/run/steps/\(k)", NamedTensor.body(seed: k))
                    guard answer.status == 200 else { throw answer.failure("step \(k)") }
                    answers.append(answer.body)
                }
                try step(1)
                try step(2)
                let patched = try request(
                    "PATCH", "/v1/runs/run", fields: [("Content-Type", "application/merge-patch+json")],
                    Array(#"{"optimizer": {"lr": 0.5}}"#.utf8))
                guard patched.status == 200, patched.json["optimizer"]?["lr"] == 0.5 else { throw patched.failure("the patch") }
                try step(3)
                // With the epoch it is done once: the second time it is fenced off.
                let restored = try request(
                    "POST", "/v1/runs/run/restore", fields: [("Content-Type", "application/json"), ("Lather-Epoch", "0")],
                    Array(#"{"step": 2}"#.utf8))
                guard restored.status == 200 || restored.problem == "epoch-fenced" else { throw restored.failure("the restore") }
                try step(3)
                epoch = try server.connect().get("/v1/runs/run").json["epoch"]?.numberValue?.integer
            }
            return (answers, epoch, wasKilled)
        }

        /// The first start of a database is a migration too, from nothing.
        @Test(.timeLimit(.minutes(1)))
        func aKillInAMigrationLeavesTheFileAsItWas() throws {
            try TestServer.use(binary: LatherProcess.debugBinary) { server in
                try server.stop(SIGKILL)
                let files = try FileManager.default.contentsOfDirectory(at: server.directory, includingPropertiesForKeys: nil)
                for file in files where file.lastPathComponent.hasPrefix("lather.sqlite") { try FileManager.default.removeItem(at: file) }
                #expect(throws: TestFailure.self) { try server.start(environment: ["LATHER_KILL_AT": "in-migration:1"]) }
                #expect(server.process.poll()?.code == .some(nil))
                try server.start()
                try server.trainALittle()
            }
        }

        private func train(killAt: String?) throws -> (answers: [[UInt8]], tensors: [NamedTensor], wasKilled: Bool) {
            var answers: [[UInt8]] = []
            var tensors: [NamedTensor] = []
            var wasKilled = false
            try TestServer.use(binary: LatherProcess.debugBinary) { server in
                try server.connect().makeRun("run", KillPointTests.manifest)
                if let killAt {
                    try server.stop(SIGTERM)
                    try server.start(environment: ["LATHER_KILL_AT": killAt])
                }
                var connection = try server.connect()
                while answers.count < KillPointTests.stepCount {
                    let step = answers.count + 1
                    if let answer = try? connection.putStep("run", step, KillPointTests.body(step)) {
                        guard answer.status == 200 else { throw answer.failure("step \(step)") }
                        answers.append(answer.body)
                    } else {
                        // The only remedy that a trainer has: the same PUT again.
                        wasKilled = try server.process.wait().code == nil
                        try server.start()
                        connection = try server.connect()
                    }
                }
                // The checkpoint of the last step may be under way.
                if (try? connection.request("POST", "/v1/runs/run/checkpoints")) == nil {
                    wasKilled = try server.process.wait().code == nil
                    try server.start()
                    connection = try server.connect()
                }
                tensors = try ["exp_avg", "exp_avg_sq", "factor.0", "factor.1", "basis.0", "basis.1"].flatMap { name in
                    let answer = try connection.request(
                        "GET", "/v1/runs/run/parameters/w/state/\(name)", fields: [("Accept", "application/vnd.safetensors")])
                    return try [NamedTensor].decode(answer.body).tensors
                }
            }
            return (answers, tensors, wasKilled)
        }
    }
}

extension NamedTensor {
    fileprivate static func body(seed: Int) throws -> [UInt8] { try [NamedTensor("w", [12, 8], seed: UInt64(seed))].encoded() }
}
