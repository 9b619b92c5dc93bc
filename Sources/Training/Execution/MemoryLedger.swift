import Foundation

/// Who has been promised how much memory for optimizer state and hosted weights, and what copies of those take for a while.
///
/// Bytes are reserved before anything is allocated, so a run that does not fit is refused while it costs nothing.
public final class MemoryLedger: @unchecked Sendable {
    // Invariant: `reserved`, `lent` and `waiting` are touched only under `condition`; the first two together they never exceed `budget`.
    private let condition = NSCondition()
    private var reserved = 0
    private var lent = 0
    private var waiting = 0
    private let loanLimit: Double
    /// The most that may be reserved, in bytes.
    public let budget: Int

    /// - Parameters:
    ///   - budget: bytes that all runs together may use for state.
    ///   - loanLimit: seconds that a reservation waits for bytes that are only lent. A loan ends when a checkpoint has written
    ///     the parameter, so this is long; it is there because nobody may wait for ever on one of the ``WorkerThreads``.
    public init(budget: Int, loanLimit: Double = 10) {
        self.budget = budget
        self.loanLimit = loanLimit
    }

    /// Bytes reserved at the moment, loans not counted.
    public var reservedByteCount: Int { condition.withLock { reserved } }

    /// Bytes that copies take at the moment.
    var lentByteCount: Int { condition.withLock { lent } }

    /// Reserves `count` bytes, or answers false and reserves nothing. Waits for bytes that are only lent, so that no run is
    /// refused because a checkpoint happens to be written.
    func reserve(_ count: Int) -> Bool {
        condition.withLock {
            let deadline = Date(timeIntervalSinceNow: loanLimit)
            waiting += 1
            defer { waiting -= 1 }
            while fits(count, beside: reserved) {
                if fits(count, beside: reserved + lent) {
                    reserved += count
                    return true
                }
                guard condition.wait(until: deadline) else { return false }
            }
            return false
        }
    }

    func release(_ count: Int) {
        condition.withLock {
            reserved -= count
            condition.broadcast()
        }
    }

    /// Lends `count` bytes for a copy, or answers false at once.
    func lend(_ count: Int) -> Bool {
        condition.withLock {
            // Loans without end would keep who waits for a reservation out.
            guard waiting == 0, fits(count, beside: reserved + lent) else { return false }
            lent += count
            return true
        }
    }

    func takeBack(_ count: Int) {
        condition.withLock {
            lent -= count
            condition.broadcast()
        }
    }

    private func fits(_ count: Int, beside used: Int) -> Bool { count <= budget - used }
}
