import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// Connections that break, requests that come twice, trainers that race.
    @Suite struct BrokenConnectionTests {
        /// A step leaves a whole step or none, wherever its message or its answer is cut off.
        @Test(.timeLimit(.minutes(1)), arguments: ["message", "answer"])
        func aStepThatIsCutOffIsTakenOnceOrNot(cut: String) throws {
            var trainer = RetryingTrainer()
            var final: [UInt8] = []
            try TestServer.use { server in
                try trainer.makeRun(server)
                try trainer.step(server)
                let answerByteCount = trainer.answers[0].count
                for eighths in 0...7 {
                    let step = trainer.answers.count + 1
                    let target = "/v1/runs/run/steps/\(step)"
                    do {
                        let connection = try server.connect()
                        try connection.send(eighths: cut == "message" ? eighths : 8, of: "PUT", target, body: RetryingTrainer.body(step))
                        if cut == "answer" { try connection.receive(byteCount: answerByteCount * eighths / 8) }
                    }
                    if cut == "message" {
                        // Nothing of it has happened, however long one waits.
                        usleep(20_000)
                        #expect(try server.connect().get("/v1/runs/run").json["step"] == .init(step - 1), "\(eighths) eighths")
                    }
                    try trainer.step(server)
                }
                final = try trainer.state(server)
            }
            try trainer.expectSameUndisturbed(final)
        }

        /// Two trainers send the same step at the same time: it is applied once, and both get its answer.
        @Test(.timeLimit(.minutes(1)))
        func ofTwoThatSendTheSameStepBothGetItsAnswer() throws {
            var trainer = RetryingTrainer()
            var final: [UInt8] = []
            try TestServer.use { server in
                try trainer.makeRun(server)
                let port = server.port
                for step in 1...50 {
                    let rivals = try (0..<3).map { _ in
                        let body = try RetryingTrainer.body(step)
                        return Background { try HTTPConnection(port: port).putStep("run", step, body) }
                    }
                    let answers = try rivals.map { try $0.value() }
                    #expect(answers.allSatisfy { $0.status == 200 && $0.body == answers[0].body }, "step \(step)")
                    #expect(answers.count { $0["Lather-Replayed"] == nil } == 1, "step \(step)")
                    try trainer.step(server)
                }
                final = try trainer.state(server)
            }
            try trainer.expectSameUndisturbed(final)
        }

        /// Steps and a restore at once: whichever comes first, the run is that of one order of them.
        @Test(.timeLimit(.minutes(1)))
        func aRestoreWhileStepsAreInFlightHappensBetweenTwoOfThem() throws {
            try TestServer.use { server in
                let trainer = RetryingTrainer()
                try trainer.makeRun(server)
                let connection = try server.connect()
                for step in 1...5 { #expect(try connection.putStep("run", step, RetryingTrainer.body(step)).status == 200) }
                let label = try connection.request(
                    "POST", "/v1/runs/run/checkpoints", fields: [("Content-Type", "application/json")],
                    body: Array(#"{"label": "five"}"#.utf8))
                #expect(label.status == 201)
                let expected = try connection.putStep("run", 6, RetryingTrainer.body(6)).body
                let port = server.port
                for epoch in 0..<20 {
                    let trainer = Background {
                        let connection = try HTTPConnection(port: port)
                        var step = 7
                        while true {
                            let answer = try connection.putStep("run", step, RetryingTrainer.body(step), epoch: epoch)
                            guard answer.status == 200 else { return answer.problem }
                            step += 1
                        }
                    }
                    usleep(useconds_t(epoch * 300))
                    let restored = try connection.request(
                        "POST", "/v1/runs/run/restore", fields: [("Content-Type", "application/json")], body: Array(#"{"step": 5}"#.utf8))
                    #expect(restored.status == 200)
                    #expect(try trainer.value() == "epoch-fenced")
                    #expect(try connection.putStep("run", 6, RetryingTrainer.body(6), epoch: epoch + 1).body == expected)
                }
            }
        }
    }
}
