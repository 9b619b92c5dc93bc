import Foundation
import Testing

extension EndToEnd {
    /// `kill -9` at random moments.
    @Suite struct KillTests {
        private static let killCount = Int(ProcessInfo.processInfo.environment["LATHER_TEST_KILLS"] ?? "") ?? 200

        @Test(.timeLimit(.minutes(30)))
        func noAnsweredStepIsLostAndNoneIsAppliedTwice() throws {
            var trainer = RetryingTrainer()
            var final: [UInt8] = []
            var random = SplitMix(state: 9)
            try TestServer.use { server in
                try trainer.makeRun(server)
                for _ in 0..<KillTests.killCount {
                    let process = server.process.identifier
                    let delay = useconds_t(random.next() % 40_000)
                    let killer = Background {
                        usleep(delay)
                        kill(process, SIGKILL)
                    }
                    try trainer.train(server)
                    _ = try killer.value()
                    try server.stop(SIGKILL)
                    try server.start()
                }
                // The step in doubt at the last kill.
                try trainer.step(server)
                final = try trainer.state(server)
            }
            print("\(KillTests.killCount) kills during \(trainer.answers.count) steps")
            #expect(trainer.answers.count > KillTests.killCount)
            try trainer.expectSameUndisturbed(final)
        }
    }
}
