import Foundation
import Metrics

/// Counts of steps what is known here only: how long their bodies took to arrive, and which were refused.
final class StepTraffic: @unchecked Sendable {
    struct Counts {
        /// Seconds that the body of each step took that was taken.
        var receive = Histogram.seconds
        /// Steps that were not taken, by the slug of their problem.
        var rejected: [String: Int] = [:]
    }

    // Invariant: `present` is touched only under `lock`.
    private let lock = NSLock()
    private var present = Counts()

    var counts: Counts { lock.withLock { present } }

    func noteReceived(_ duration: Duration) {
        lock.withLock { present.receive.record(duration) }
    }

    func noteRejected(_ problem: String) {
        lock.withLock { present.rejected[problem, default: 0] += 1 }
    }
}
