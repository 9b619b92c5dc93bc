import Foundation
import Testing

extension EndToEnd {
    /// The power goes: what was not synced is lost. An ext4 file system of the test's own is shut down without flushing
    /// anything, which takes root and loop devices.
    @Suite struct PowerCutTests {
        private static let cutCount = Int(ProcessInfo.processInfo.environment["LATHER_TEST_POWER_CUTS"] ?? "") ?? 20

        @Test(.enabled(if: LoopFileSystem.isPossible, "needs root, mkfs.ext4 and loop devices"), .timeLimit(.minutes(10)))
        func noAnsweredStepIsLostWhenThePowerGoes() throws {
            var trainer = RetryingTrainer()
            var final: [UInt8] = []
            var random = SplitMix(state: 5)
            try LoopFileSystem.use { disk in
                try TestServer.use(database: disk.directory.appendingPathComponent("lather.sqlite")) { server in
                    try trainer.makeRun(server)
                    for _ in 0..<PowerCutTests.cutCount {
                        let delay = useconds_t(random.next() % 150_000)
                        let cut = Background {
                            usleep(delay)
                            try disk.cutPower()
                        }
                        try trainer.train(server)
                        try cut.value()
                        try server.stop(SIGKILL)
                        try disk.remount()
                        try server.start()
                    }
                    // The step in doubt at the last cut.
                    try trainer.step(server)
                    final = try trainer.state(server)
                    try server.stop(SIGTERM)
                }
            }
            print("\(PowerCutTests.cutCount) power cuts during \(trainer.answers.count) steps")
            #expect(trainer.answers.count > PowerCutTests.cutCount)
            try trainer.expectSameUndisturbed(final)
        }
    }
}
