import Memory
import Metrics

/// Counts what a store does, from whatever thread it is done on.
final class StorageMeter: Sendable {
    private let counts = Locked(StorageMetrics())

    var metrics: StorageMetrics { counts.withLock { $0 } }

    func noteSync(_ duration: Duration, commits: Int) {
        counts.withLock { counts in
            counts.syncs.record(duration)
            counts.commitsPerSync.record(Double(commits))
        }
    }

    func noteFailedSync() {
        counts.withLock { $0.failedSyncs += 1 }
    }

    func noteRecord(byteCount: Int) {
        counts.withLock { counts in
            counts.logRecords += 1
            counts.logBytes += byteCount
        }
    }

    func noteCheckpoint(byteCount: Int, seconds: Double) {
        counts.withLock { counts in
            counts.checkpointBytes += byteCount
            counts.checkpoints.record(seconds)
        }
    }
}
