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
    }
}
