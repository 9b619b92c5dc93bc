import Foundation

/// Adds up what the steps of all runs come to, from whatever thread they are taken on.
final class StepMeter: @unchecked Sendable {
    // Invariant: `sum` is touched only under `lock`.
    private let lock = NSLock()
    private var sum = StepCounts()

    var counts: StepCounts { lock.withLock { sum } }

    func add(_ counts: StepCounts) {
        lock.withLock { sum += counts }
    }
}
