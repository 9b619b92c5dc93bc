import Foundation

/// How often each checkpoint is kept at the moment.
final class KeptCheckpoints: @unchecked Sendable {
    // Invariant: `counts` is touched only under `lock`; no count is 0.
    private let lock = NSLock()
    private var counts: [Int64: Int] = [:]

    var ids: [Int64] { lock.withLock { counts.keys.sorted() } }

    func add(_ id: Int64) {
        lock.withLock { counts[id, default: 0] += 1 }
    }

    func remove(_ id: Int64) {
        lock.withLock {
            guard let count = counts[id] else { return }
            counts[id] = count > 1 ? count - 1 : nil
        }
    }
}
