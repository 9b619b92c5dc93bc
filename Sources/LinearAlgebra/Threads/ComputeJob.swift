import Foundation
import Synchronization

/// The tasks of one call of ``ComputePool/perform(costs:_:)``, or the parts of a task that ``Team`` has cut.
///
/// Invariant: `next` is touched only under the lock of the ``TaskQueue`` that holds the job. `unfinished` is the number of tasks whose
/// body has not returned; who makes it zero signals `done`.
final class ComputeJob: @unchecked Sendable {
    /// Whether the thread that waits for it computes as well, and will soon have more to do.
    let isPartOfTask: Bool
    private let order: [Int]
    private let body: @Sendable (Int, Workspace) -> Void
    private var next = 0
    private let unfinished: Atomic<Int>
    private let done = NSCondition()

    init(order: [Int], isPartOfTask: Bool = false, body: @escaping @Sendable (Int, Workspace) -> Void) {
        self.isPartOfTask = isPartOfTask
        self.order = order
        self.body = body
        unfinished = Atomic(order.count)
    }

    /// The next task to start, and whether it is the last one; nil if all have been started. The queue calls it under its lock.
    func takeTask() -> (index: Int, isLast: Bool)? {
        guard next < order.count else { return nil }
        defer { next += 1 }
        return (order[next], next + 1 == order.count)
    }

    func run(_ index: Int, _ workspace: Workspace) {
        body(index, workspace)
        let left = unfinished.subtract(1, ordering: .acquiringAndReleasing).newValue
        if left == 0 { done.withLock { done.signal() } }
    }

    func wait() {
        // Parts end at nearly the same time, sooner than a thread is woken.
        if isPartOfTask && Spin.until({ isDone }) { return }
        done.withLock {
            while !isDone { done.wait() }
        }
    }

    private var isDone: Bool { unfinished.load(ordering: .acquiring) == 0 }
}
