import Foundation

/// The newest status of a run, for readers that must not wait for it.
final class StatusBoard: @unchecked Sendable {
    // Invariant: `current` is touched only under `lock`; the run's actor is its only writer.
    private let lock = NSLock()
    private var current: RunStatus

    init(_ status: RunStatus) {
        current = status
    }

    var status: RunStatus {
        get { lock.withLock { current } }
        set { lock.withLock { current = newValue } }
    }
}
