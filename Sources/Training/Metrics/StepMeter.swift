import Foundation
import Metrics

/// Adds up what the steps of all runs come to, from whatever thread they are taken on.
final class StepMeter: @unchecked Sendable {
    // Invariant: `sum` and `phases` are touched only under `lock`.
    private let lock = NSLock()
    private var sum = StepCounts()
    private var phases = StepPhases()

    var counts: StepCounts { lock.withLock { sum } }

    /// A step that was taken, and how long it took.
    func add(_ counts: StepCounts, _ timing: StepTiming) {
        lock.withLock {
            sum += counts
            phases.record(timing)
        }
    }

    func addReplay() {
        lock.withLock { sum.replayed += 1 }
    }

    func fill(_ metrics: inout TrainingMetrics) {
        (metrics.steps, metrics.phases) = lock.withLock { (sum, phases) }
    }
}
