import Foundation
import Testing

extension EndToEnd {
    /// System calls of the database fail once each, at one place after the other.
    @Suite struct FailingDeviceTests {
        private static let placeCount = Int(ProcessInfo.processInfo.environment["LATHER_TEST_FAULTS"] ?? "") ?? 8
        /// SQLite syncs by fdatasync, and fsync comes only after one of those has failed: hence the two together.
        private static let faults = [
            ("fdatasync", "EIO"), ("fsync", "EIO"), ("fdatasync,fsync", "EIO"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC"),
        ]

        /// A step that is refused for the device's sake is sent again until it is taken, as a trainer would. Whatever failed,
        /// every answer, the state in memory and the state after a crash are those of a server whose device is sound.
        @Test(
            .enabled(if: FaultInjector.isPossible, "needs strace, and the right to attach it"), .timeLimit(.minutes(10)), arguments: faults)
        func aFailingCallRefusesAStepOrIsMadeUpFor(call: String, error: String) throws {
            var trainer = RetryingTrainer()
            var refusals = 0
            var final: [UInt8] = []
            try TestServer.use { server in
                try trainer.makeRun(server)
                for place in 1...FailingDeviceTests.placeCount {
                    let injector = try FaultInjector(into: server.process.identifier, call: call, error: error, at: place)
                    for _ in 1...12 { refusals += try trainer.stepStubbornly(server) }
                    injector.end()
                    // What is in memory now must be what a restart finds.
                    if place.isMultiple(of: 4) { try server.crashAndRestart() }
                }
                final = try trainer.state(server)
                #expect(try server.connect().get("/healthz/ready").status == 200)
            }
            print("\(call) \(error): \(refusals) refusals during \(trainer.answers.count) steps")
            // After one write that found no room the step is tried again at once; a disk that stays full is StorageTroubleTests'.
            #expect(refusals > 0 || call == "fsync" || error == "ENOSPC", "nothing was made to fail")
            try trainer.expectSameUndisturbed(final)
        }
    }
}
