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
                ("before-log", [1, 5]), ("after-log", [1, 5]), ("in-checkpoint", [1, 3, 8]), ("before-completion", [1, 2]),
                ("before-pruning", [1, 2]), ("in-pruning", [1, 2, 3]),
            ] {
                for count in counts {
                    let killed = try train(killAt: "\(point):\(count)")
                    #expect(killed.wasKilled, "\(point):\(count) was never reached")
                    #expect(killed.answers == undisturbed.answers, "\(point):\(count)")
                    #expect(killed.tensors == undisturbed.tensors, "\(point):\(count)")
                }
            }
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
                _ = try? connection.request("POST", "/v1/runs/run/checkpoints")
                if server.process.poll() != nil {
                    wasKilled = true
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
