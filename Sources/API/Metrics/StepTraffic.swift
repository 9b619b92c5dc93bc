import Memory
import Metrics

/// Counts of steps what is known here only: how long their bodies took to arrive, and which were refused.
final class StepTraffic: Sendable {
    struct Counts {
        /// Seconds that the body of each step took that was taken.
        var receive = Histogram.seconds
        /// Steps that were not taken, by the slug of their problem.
        var rejected: [String: Int] = [:]
    }

    private let present = Locked(Counts())

    var counts: Counts { present.withLock { $0 } }

    func noteReceived(_ duration: Duration) {
        present.withLock { $0.receive.record(duration) }
    }

    func noteRejected(_ problem: String) {
        present.withLock { $0.rejected[problem, default: 0] += 1 }
    }
}
