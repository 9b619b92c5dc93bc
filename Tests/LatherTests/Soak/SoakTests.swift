import Foundation
import StrictJSON
import Synchronization
import Testing

extension EndToEnd {
    /// Thousands of steps of four runs at once while everything that can happen to a server happens: kills at any moment,
    /// clean stops, checkpoints, restores, imports, deletions, patches. The same seed gives the same choices.
    @Suite struct SoakTests {
        private static let stepCount = Int(ProcessInfo.processInfo.environment["LATHER_TEST_SOAK"] ?? "") ?? 2000
        /// Processes; the last of them takes a third of the steps.
        private static let lifeCount = max(7, stepCount / 320)

        @Test(.timeLimit(.minutes(15)))
        func everyAnswerIsThatOfATwinThatWasNeverDisturbed() throws {
            var runs = SoakRun.Kind.allCases.map { SoakRun($0, seed: 17) }
            var watch = SoakWatch()
            try TestServer.use { twin in
                try TestServer.use { server in
                    var random = SplitMix(state: 4)
                    for life in 1...SoakTests.lifeCount {
                        let isLast = life == SoakTests.lifeCount
                        let quota = isLast ? SoakTests.stepCount / 3 : SoakTests.stepCount * 2 / 3 / (SoakTests.lifeCount - 1)
                        // Somewhere in the midst of a request, unless this is the last life or every fifth, which ends cleanly.
                        let isClean = isLast || life.isMultiple(of: 5)
                        let end = isLast ? quota : Int.random(in: quota * 3 / 4...quota * 5 / 4, using: &random)
                        let share = Share(limit: isClean ? end : .max)
                        let (port, twinPort) = (server.port, twin.port)
                        let workers = runs.map { run in
                            Background {
                                var run = run
                                try run.live(on: port, beside: twinPort, share)
                                return run
                            }
                        }
                        watch.beginLife(of: server)
                        while share.count < end, !workers.contains(where: { $0.isDone }) {
                            usleep(1000)
                            try watch.look(at: server)
                        }
                        if !isClean {
                            usleep(UInt32.random(in: 0...2000, using: &random))
                            share.serverIsKilled()
                            server.process.signal(SIGKILL)
                        }
                        runs = try workers.map { try $0.value() }
                        if isClean {
                            #expect(try server.stop(SIGTERM).code == 0)
                        } else {
                            try server.stop(SIGKILL)
                        }
                        try server.start()
                    }
                    for run in runs { try run.expectSameState(server, twin) }
                }
            }
            print(runs.map(\.report).joined(separator: "\n"))
            print(watch.report)
            #expect(runs.reduce(0) { $0 + $1.stepCount } >= SoakTests.stepCount * 3 / 4)
            watch.expectBounds()
        }

        /// The steps that all runs have taken in one life of the server.
        final class Share: Sendable {
            private let taken = Atomic(0)
            private let isKilled = Atomic(false)
            private let limit: Int

            init(limit: Int) {
                self.limit = limit
            }

            var count: Int { taken.load(ordering: .relaxed) }
            var isUsedUp: Bool { count >= limit }
            func take() { taken.add(1, ordering: .relaxed) }

            /// Whether broken connections are to be expected.
            var isServerKilled: Bool { isKilled.load(ordering: .sequentiallyConsistent) }
            func serverIsKilled() { isKilled.store(true, ordering: .sequentiallyConsistent) }
        }
    }
}
