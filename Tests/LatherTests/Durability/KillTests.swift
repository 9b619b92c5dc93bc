import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// `kill -9` at random moments, and a trainer that knows only one remedy: to send the same PUT again.
    @Suite struct KillTests {
        private static let killCount = Int(ProcessInfo.processInfo.environment["LATHER_TEST_KILLS"] ?? "") ?? 200

        /// Small, so that steps, checkpoints and the pruning of the log are all hit.
        private static let manifest: JSONValue = [
            "optimizer": ["lr": 0.01, "precondition_frequency": 3], "policy": ["checkpoint_every": 7],
        ]

        private static func body(_ step: Int) throws -> [UInt8] {
            try [NamedTensor("w", [24, 16], seed: UInt64(2 * step)), NamedTensor("b", [16], seed: UInt64(2 * step + 1))].encoded()
        }

        @Test(.timeLimit(.minutes(30)))
        func noAnsweredStepIsLostAndNoneIsAppliedTwice() throws {
            var answers: [[UInt8]] = []
            var final: [UInt8] = []
            var random = SplitMix(state: 9)
            try TestServer.use { server in
                try server.connect().makeRun("run", KillTests.manifest)
                for _ in 0..<KillTests.killCount {
                    let process = server.process.identifier
                    let delay = useconds_t(random.next() % 40_000)
                    let killer = Background {
                        usleep(delay)
                        kill(process, SIGKILL)
                    }
                    try train(server, &answers)
                    _ = try killer.value()
                    try server.stop(SIGKILL)
                    try server.start()
                }
                // The step in doubt at the last kill.
                try answers.append(server.connect().putStep("run", answers.count + 1, KillTests.body(answers.count + 1)).body)
                final = try finalState(server)
            }
            print("\(KillTests.killCount) kills during \(answers.count) steps")
            #expect(answers.count > KillTests.killCount)

            try TestServer.use { server in
                let connection = try server.connect()
                try connection.makeRun("run", KillTests.manifest)
                for (index, answer) in answers.enumerated() {
                    let expected = try connection.putStep("run", index + 1, KillTests.body(index + 1)).body
                    guard answer == expected else { throw TestFailure("step \(index + 1) was answered otherwise without kills") }
                }
                #expect(try finalState(server) == final, "the whole state, bit for bit")
            }
        }

        /// Takes step after step until the server is gone.
        ///
        /// - Throws: when a step is refused: an answered step was lost then, or an unanswered one applied and not known again.
        private func train(_ server: TestServer, _ answers: inout [[UInt8]]) throws {
            guard let connection = try? server.connect() else { return }
            while let answer = try? connection.putStep("run", answers.count + 1, KillTests.body(answers.count + 1)) {
                guard answer.status == 200 else { throw answer.failure("step \(answers.count + 1)") }
                answers.append(answer.body)
            }
        }

        /// Every tensor of the state and every count, as one file.
        private func finalState(_ server: TestServer) throws -> [UInt8] {
            let connection = try server.connect()
            let made = try connection.request("POST", "/v1/runs/run/checkpoints")
            guard made.status == 201, let step = made.json["step"]?.numberValue?.integer else { throw made.failure("a checkpoint") }
            return try connection.request(
                "GET", "/v1/runs/run/checkpoints/\(step)", fields: [("Accept", "application/vnd.safetensors")]
            ).body
        }
    }
}
