import Foundation
import Memory
public import Metrics

extension Store {
    /// What has been done since the store was opened, and what its files take now. Does not wait for whoever writes.
    public var metrics: StorageMetrics {
        var metrics = meter.metrics
        (metrics.reopenings, metrics.isInDoubt) = state.withLock { ($0.generation.number, $0.doubt != nil) }
        metrics.databaseBytes = Store.byteCount(path)
        metrics.walBytes = Store.byteCount(path + "-wal")
        return metrics
    }

    /// 0 without a file.
    private static func byteCount(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }
}
