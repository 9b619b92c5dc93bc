import Foundation

/// The tasks of one call of ``ComputePool/perform(costs:_:)``.
///
/// Invariant: `next` is touched only under the lock of the ``TaskQueue`` that holds the job, `unfinished` only under
/// `done`; it is the number of tasks whose body has not returned.
final class ComputeJob: @unchecked Sendable {
    private let order: [Int]
    private let body: @Sendable (Int, Workspace) -> Void
    private var next = 0
    private var unfinished: Int
    private let done = NSCondition()

    init(order: [Int], body: @escaping @Sendable (Int, Workspace) -> Void) {
        self.order = order
        self.body = body
        unfinished = order.count
    }

    /// The next task to start, and whether it is the last one. The queue calls it under its lock.
    func takeTask() -> (index: Int, isLast: Bool) {
        defer { next += 1 }
        return (order[next], next + 1 == order.count)
    }

    func run(_ index: Int, _ workspace: Workspace) {
        body(index, workspace)
        done.withLock {
            unfinished -= 1
            if unfinished == 0 { done.signal() }
        }
    }

    func wait() {
        done.withLock {
            while unfinished > 0 { done.wait() }
        }
    }
}
