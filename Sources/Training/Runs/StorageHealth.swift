import Foundation
import Storage

/// Whether the database takes writes, judged by the writes there are: a probe's small page may still fit on a disk that
/// refuses every step.
final class StorageHealth: @unchecked Sendable {
    // Invariant: `last` is touched only under `lock`.
    private let lock = NSLock()
    private var last: Outcome?
    private let store: Store

    private struct Outcome {
        let at: ContinuousClock.Instant
        /// nil when the write succeeded.
        let failure: StorageError?
    }

    /// So long a refused write speaks for itself; then a probe may find that the cause is gone.
    private static let failureCounts = Duration.seconds(5)
    /// So long a success does: probes are frequent, and each is a commit.
    private static let successCounts = Duration.seconds(1)

    init(store: Store) {
        self.store = store
    }

    /// Writes to the database and notes how that went.
    func writing<Value>(_ body: () throws(StorageError) -> Value) throws(TrainingError) -> Value {
        do {
            let value = try body()
            note(nil)
            return value
        } catch {
            switch error.kind {
            // These say something of the request or of one run.
            case .notFound, .nameTaken, .corrupt: break
            // These say nothing that is known to last, but an earlier success speaks no more: the next probe looks.
            case .conflict, .other: lock.withLock { if last?.failure == nil { last = nil } }
            default: note(error)
            }
            throw TrainingError(error)
        }
    }

    /// - Throws: `storage-unavailable` if the database does not take writes.
    func check() throws(TrainingError) {
        let last = lock.withLock { self.last }
        let age = last.map { .now - $0.at } ?? .seconds(3600)
        var failure = last?.failure
        if age > (failure == nil ? StorageHealth.successCounts : StorageHealth.failureCounts) {
            failure = nil
            do { try store.checkWritable() } catch { failure = error }
            note(failure)
        }
        if let failure { throw TrainingError(.storageUnavailable, "The database cannot be written: \(failure.message)") }
    }

    private func note(_ failure: StorageError?) {
        lock.withLock { last = Outcome(at: .now, failure: failure) }
    }
}
