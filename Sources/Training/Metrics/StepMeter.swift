import Memory
import Metrics

/// Adds up what the steps of all runs come to, from whatever thread they are taken on.
final class StepMeter: Sendable {
    private struct Sums {
        var counts = StepCounts()
        var phases = StepPhases()
        var failedHistoryWrites = 0
    }

    private let sums = Locked(Sums())

    var counts: StepCounts { sums.withLock { $0.counts } }

    /// A step that was taken, and how long it took.
    func add(_ counts: StepCounts, _ timing: StepTiming) {
        sums.withLock { sums in
            sums.counts += counts
            sums.phases.record(timing)
        }
    }

    func addReplay() {
        sums.withLock { $0.counts.replayed += 1 }
    }

    func addFailedHistoryWrite() {
        sums.withLock { $0.failedHistoryWrites += 1 }
    }

    func fill(_ metrics: inout TrainingMetrics) {
        let sums = sums.withLock { $0 }
        (metrics.steps, metrics.phases, metrics.failedHistoryWrites) = (sums.counts, sums.phases, sums.failedHistoryWrites)
    }
}
