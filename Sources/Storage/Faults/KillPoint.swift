import Foundation
import Synchronization

/// A moment at which a debug build can be made to kill itself, so that tests can hit moments that are too short to be
/// hit from outside. A release build has none of it.
///
/// `LATHER_KILL_AT=after-log:3` ends the process, as `kill -9` does, when it comes to that point for the third time.
enum KillPoint: String {
    /// A record is in a transaction that is not committed.
    case beforeLog = "before-log"
    /// A record is written; nothing in memory has changed yet, and it may not be durable.
    case beforeApply = "before-apply"
    /// A record is durable, and nobody has been answered yet.
    case afterLog = "after-log"
    /// Some of a checkpoint's tensors are committed, others are not.
    case inCheckpoint = "in-checkpoint"
    /// All of a checkpoint's tensors are committed, and it does not count yet.
    case beforeCompletion = "before-completion"
    /// The checkpoint counts; what it made superfluous is still there.
    case beforePruning = "before-pruning"
    /// Some of what is superfluous is gone.
    case inPruning = "in-pruning"
    /// A migration is in a transaction that is not committed.
    case inMigration = "in-migration"

    #if DEBUG
        private static let target: (point: KillPoint, count: Int)? = {
            let text = ProcessInfo.processInfo.environment["LATHER_KILL_AT"] ?? ""
            let parts = text.split(separator: ":")
            guard parts.count == 2, let point = KillPoint(rawValue: String(parts[0])), let count = Int(parts[1]) else { return nil }
            return (point, count)
        }()
        private static let reached = Atomic(0)

        static func reach(_ point: KillPoint) {
            guard let target, target.point == point else { return }
            if reached.add(1, ordering: .relaxed).newValue == target.count { kill(getpid(), SIGKILL) }
        }
    #else
        @inline(__always) static func reach(_ point: KillPoint) {}
    #endif
}
