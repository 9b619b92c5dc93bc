import Dispatch
import Foundation

/// Makes commits durable, several with one call: a sync covers every commit that was written before it began, whoever made it.
final class GroupSync: @unchecked Sendable {
    // Invariant: every `var` is touched only under `condition`; between setting and clearing `isSyncing` one thread syncs.
    private let condition = NSCondition()
    private var written = 0
    private var durable = 0
    private var isSyncing = false
    private var failure: StorageError?
    private let meter: StorageMeter
    /// Why no more syncs are made.
    private var ended: StorageError?
    private let sync: @Sendable () throws(StorageError) -> Void
    private let queue = DispatchQueue(label: "storage.sync", qos: .userInitiated)

    /// - Parameter sync: makes all that has been written durable, or throws; it is never called again after it has thrown.
    init(meter: StorageMeter, _ sync: @escaping @Sendable () throws(StorageError) -> Void) {
        self.meter = meter
        self.sync = sync
    }

    /// Counts a commit that has just been written; answers its number. Called in the order of the commits.
    func noteWritten() -> Int {
        condition.withLock {
            written += 1
            return written
        }
    }

    /// How many commits are durable.
    var durableCount: Int { condition.withLock { durable } }

    /// Returns when every commit that has been written is durable; throws like ``wait(for:)``.
    func waitForAll() throws(StorageError) {
        try wait(for: condition.withLock { written })
    }

    /// Begins to make a commit durable, in the background.
    func begin(_ commit: Int) {
        queue.async { [self] in
            // Whoever waits for the commit is told how it went.
            try? wait(for: commit)
        }
    }

    /// Fails whatever is not durable yet, and returns when no sync is under way any more.
    ///
    /// - Returns: what a sync has thrown.
    func end(_ reason: StorageError) -> StorageError? {
        condition.withLock {
            while isSyncing { condition.wait() }
            ended = reason
            return failure
        }
    }

    /// Returns when a commit is durable.
    ///
    /// - Throws: what the sync threw that should have covered it. From then on every commit that is not durable fails.
    func wait(for commit: Int) throws(StorageError) {
        condition.lock()
        defer { condition.unlock() }
        while durable < commit {
            if let failure = failure ?? ended { throw failure }
            if isSyncing {
                condition.wait()
                continue
            }
            isSyncing = true
            let covered = written
            let commits = covered - durable
            condition.unlock()
            var thrown: StorageError?
            let began = ContinuousClock.now
            do throws(StorageError) { try sync() } catch { thrown = error }
            if thrown == nil { meter.noteSync(.now - began, commits: commits) } else { meter.noteFailedSync() }
            condition.lock()
            isSyncing = false
            if let thrown { failure = thrown } else { durable = covered }
            condition.broadcast()
        }
    }
}
