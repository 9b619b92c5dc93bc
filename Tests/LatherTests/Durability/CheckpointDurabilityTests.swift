import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// `durability: "checkpoint"` promises the last checkpoint, and says so.
    @Suite struct CheckpointDurabilityTests {
        @Test(.timeLimit(.minutes(1)))
        func aCrashGoesBackToTheLastCheckpointAndFencesWhoeverSawMore() throws {
            try TestServer.use { server in
                var connection = try server.connect()
                try connection.makeRun(
                    "run", ["optimizer": ["lr": 0.01], "policy": ["durability": "checkpoint", "checkpoint_every": 1000]])
                func gradient(_ step: Int) throws -> [UInt8] { try [NamedTensor("w", [12, 8], seed: UInt64(step))].encoded() }
                var answers: [Int: [UInt8]] = [:]
                var lastAnswer: HTTPAnswer?
                for step in 1...7 {
                    let answer = try connection.putStep("run", step, gradient(step))
                    answers[step] = answer.body
                    lastAnswer = answer
                    if step == 4 { #expect(try connection.request("POST", "/v1/runs/run/checkpoints").status == 201) }
                }
                #expect(lastAnswer?["Lather-Durable-Step"] == "4")
                let epoch = try #require(lastAnswer?["Lather-Epoch"].flatMap { Int($0) })

                try server.crashAndRestart()
                connection = try server.connect()
                let status = try connection.get("/v1/runs/run").json
                #expect(status["step"] == 4 && status["durable_step"] == 4 && status["epoch"] == .init(epoch + 1))

                let fenced = try connection.putStep("run", 5, gradient(5), epoch: epoch)
                #expect(fenced.status == 409 && fenced.problem == "epoch-fenced")
                let tooFar = try connection.putStep("run", 8, gradient(8))
                #expect(tooFar.status == 409 && tooFar.problem == "step-out-of-order" && tooFar.json["expected_step"] == 5)
                let replayed = try connection.putStep("run", 4, gradient(4), epoch: epoch + 1)
                #expect(replayed["Lather-Replayed"] == "true" && replayed.body == answers[4])
                for step in 5...7 {
                    let again = try connection.putStep("run", step, gradient(step), epoch: epoch + 1)
                    #expect(again.status == 200 && again["Lather-Replayed"] == nil && again.body == answers[step], "step \(step)")
                }
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aCleanStopLosesNothingAndFencesNobody() throws {
            try TestServer.use { server in
                let connection = try server.connect()
                try connection.makeRun(
                    "run", ["optimizer": ["lr": 0.01], "policy": ["durability": "checkpoint", "checkpoint_every": 1000]])
                let body = try [NamedTensor("w", [12, 8], seed: 1)].encoded()
                for step in 1...3 { #expect(try connection.putStep("run", step, body).status == 200) }
                #expect(try server.stop(SIGTERM).code == 0)
                try server.start()
                let status = try server.connect().get("/v1/runs/run").json
                #expect(status["step"] == 3 && status["durable_step"] == 3 && status["epoch"] == 0)
            }
        }

        private static let largeRun: JSONValue = [
            "optimizer": ["lr": 0.01],
            "parameters": [["name": "large", "shape": [20_000_000]], ["name": "w", "shape": [12, 8]]],
            "policy": ["durability": "checkpoint", "checkpoint_every": 1000],
        ]

        private static func gradient(_ step: Int) throws -> [UInt8] { try [NamedTensor("w", [12, 8], seed: UInt64(step))].encoded() }

        /// Counts the steps after the checkpoint's moment that were answered before the checkpoint was.
        @Test(.timeLimit(.minutes(1)))
        func stepsAreAnsweredWhileACheckpointIsWritten() throws {
            try TestServer.use { server in
                let connection = try server.connect()
                try connection.makeRun("run", CheckpointDurabilityTests.largeRun)
                let port = server.port
                var answers = [try connection.putStep("run", 1, CheckpointDurabilityTests.gradient(1)).body]
                let checkpoint = Background { try HTTPConnection(port: port).request("POST", "/v1/runs/run/checkpoints") }
                var stepsBefore = 0
                while !checkpoint.isDone {
                    stepsBefore = answers.count
                    let step = stepsBefore + 1
                    answers.append(try connection.putStep("run", step, CheckpointDurabilityTests.gradient(step)).body)
                }
                let made = try checkpoint.value()
                let moment = try #require(made.json["step"]?.numberValue?.integer)
                #expect(made.status == 201 && stepsBefore > moment)
                let next = try connection.putStep("run", answers.count + 1, CheckpointDurabilityTests.gradient(answers.count + 1))
                #expect(next["Lather-Durable-Step"] == "\(moment)")

                // What came after the moment is lost with a crash, is said to be, and is answered as before when it is sent again.
                try server.crashAndRestart()
                let survivor = try server.connect()
                let status = try survivor.get("/v1/runs/run").json
                #expect(status["step"] == .init(moment) && status["epoch"] == 1)
                for step in max(1, moment)...answers.count {
                    let again = try survivor.putStep("run", step, CheckpointDurabilityTests.gradient(step))
                    #expect(again.body == answers[step - 1], "step \(step)")
                }
            }
        }

        /// A kill in the middle leaves no checkpoint, one after the completion leaves the moment.
        @Test(.timeLimit(.minutes(1)), arguments: [("in-checkpoint:2", false), ("before-completion:1", false), ("before-pruning:1", true)])
        func aKillWhileACheckpointIsWrittenGoesBackToTheLastCompleteOne(killAt: String, isComplete: Bool) throws {
            try TestServer.use(binary: LatherProcess.debugBinary) { server in
                try server.stop(SIGTERM)
                try server.start(environment: ["LATHER_KILL_AT": killAt])
                let connection = try server.connect()
                try connection.makeRun("run", CheckpointDurabilityTests.largeRun)
                _ = try connection.putStep("run", 1, CheckpointDurabilityTests.gradient(1))
                let port = server.port
                let checkpoint = Background { try? HTTPConnection(port: port).request("POST", "/v1/runs/run/checkpoints") }
                var step = 2
                while let answer = try? connection.putStep("run", step, CheckpointDurabilityTests.gradient(step)) {
                    #expect(answer.status == 200)
                    step += 1
                }
                #expect(try server.process.wait().code == nil && checkpoint.value() == nil)
                try server.start()
                let status = try server.connect().get("/v1/runs/run").json
                let found = try #require(status["step"]?.numberValue?.integer)
                #expect(status["epoch"] == 1 && status["durable_step"] == .init(found))
                #expect(isComplete ? found > 0 && found < step : found == 0)
            }
        }
    }
}
