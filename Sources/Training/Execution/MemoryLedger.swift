import Foundation

/// Who has been promised how much memory for optimizer state and hosted weights.
///
/// Bytes are reserved before anything is allocated, so a run that does not fit is refused while it costs nothing.
public final class MemoryLedger: @unchecked Sendable {
    // Invariant: `reserved` is touched only under `lock` and never exceeds `budget`.
    private let lock = NSLock()
    private var reserved = 0
    /// The most that may be reserved, in bytes.
    public let budget: Int

    /// - Parameter budget: bytes that all runs together may use for state.
    public init(budget: Int) {
        self.budget = budget
    }

    /// Bytes reserved at the moment.
    public var reservedByteCount: Int { lock.withLock { reserved } }

    /// Reserves `count` bytes, or answers false and reserves nothing.
    func reserve(_ count: Int) -> Bool {
        lock.withLock {
            let (sum, overflow) = reserved.addingReportingOverflow(count)
            guard !overflow, sum <= budget else { return false }
            reserved = sum
            return true
        }
    }

    func release(_ count: Int) {
        lock.withLock { reserved -= count }
    }
}
