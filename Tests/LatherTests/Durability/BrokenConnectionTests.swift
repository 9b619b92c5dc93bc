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

        /// Behind a proxy that cuts, delays and repeats, a trainer that sends the same again learns the same as any other.
        @Test(.timeLimit(.minutes(1)))
        func behindAHarmfulProxyEachStepIsTakenOnce() throws {
            var trainer = RetryingTrainer()
            var final: [UInt8] = []
            var attempts = 0
            try TestServer.use { server in
                try trainer.makeRun(server)
                // Every cut of either direction, delays and repeats, and then the same in another order.
                let harms: [MeddlingProxy.Harm] =
                    (0...7).flatMap { [.cutsMessage(eighths: $0), .cutsAnswer(eighths: $0), .repeats(count: 1 + $0 / 2)] }
                    + [.delays(microseconds: 500), .delays(microseconds: 5000)]
                    + [.repeatsLater(microseconds: 0), .repeatsLater(microseconds: 2000), .repeatsLater(microseconds: 20_000)]
                let order = SplitMix.shuffles(of: harms.count, count: 6, seed: 3)
                let proxy = try MeddlingProxy(to: server.port) { harms[order[$0 % order.count]] }
                while attempts < order.count {
                    attempts += 1
                    guard let answer = try? trainer.tryStep(HTTPConnection(port: proxy.port)) else { continue }
                    #expect(answer.status == 200, "\(answer.outcome)")
                }
                // The step in doubt at the last cut.
                try trainer.step(server)
                final = try trainer.state(server)
            }
            print("\(attempts) harmed requests during \(trainer.answers.count) steps")
            #expect(trainer.answers.count > attempts / 4)
            try trainer.expectSameUndisturbed(final)
        }

        /// Two trainers that do not know of each other send different steps: one of each pair is taken, the other is told.
        @Test(.timeLimit(.minutes(1)))
        func ofTwoThatSendDifferentStepsOneIsTakenAndTheOtherTold() throws {
            try TestServer.use { server in
                let connection = try server.connect()
                for run in ["run", "alone"] { try connection.makeRun(run, ["optimizer": ["lr": 0.01]]) }
                let port = server.port
                for step in 1...40 {
                    let rivals = [step, 1000 + step].map { seed in
                        Background {
                            let body = try RetryingTrainer.body(seed)
                            return (body, try HTTPConnection(port: port).putStep("run", step, body))
                        }
                    }
                    let results = try rivals.map { try $0.value() }
                    #expect(Set(results.map(\.1.outcome)) == ["200", "422 step-body-differs"], "step \(step)")
                    guard let taken = results.first(where: { $0.1.status == 200 }) else { return }
                    #expect(try connection.putStep("alone", step, taken.0).body == taken.1.body)
                }
                let pictures = try ["run", "alone"].map { try RunPicture(of: $0, over: connection) }
                #expect(pictures[0] == pictures[1])
            }
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
