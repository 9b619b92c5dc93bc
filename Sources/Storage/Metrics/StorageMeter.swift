import Foundation
import Metrics

/// Counts what a store does, from whatever thread it is done on.
final class StorageMeter: @unchecked Sendable {
    // Invariant: `counts` is touched only under `lock`. An NSLock, because ThreadSanitizer understands it.
    private let lock = NSLock()
    private var counts = StorageMetrics()

    var metrics: StorageMetrics { lock.withLock { counts } }

    func noteSync(_ duration: Duration, commits: Int) {
        lock.withLock {
            counts.syncs.record(duration)
            counts.commitsPerSync.record(Double(commits))
        }
    }

    func noteFailedSync() {
        lock.withLock { counts.failedSyncs += 1 }
    }

    func noteRecord(byteCount: Int) {
        lock.withLock {
            counts.logRecords += 1
            counts.logBytes += byteCount
        }
    }

    func noteCheckpoint(byteCount: Int, seconds: Double) {
        lock.withLock {
            counts.checkpointBytes += byteCount
            counts.checkpoints.record(seconds)
        }
    }
}
