import Foundation

/// The threads that compute, and the only ones that compute anything large: parallelism has one owner.
///
/// A task runs on one thread, with single-threaded BLAS and that thread's own ``Workspace``. Only a task so large that the other threads
/// would wait for it has the help of all of them, for its large products. Which tasks these are follows from the costs and the number
/// of threads; so a task's result does not depend on other callers or on what is free. The threads are plain ones, never
/// Dispatch's or the cooperative pool's, because tasks are long and their callers block.
public final class ComputePool: Sendable {
    /// Work of less than this cost (in floating-point operations) is not worth waking another thread for: some 50 µs.
    public static let inlineCost = 1e6

    /// How many threads compute.
    public let threadCount: Int
    private let queue = TaskQueue()

    /// Starts `threadCount` threads (at least one).
    public init(threadCount: Int) {
        self.threadCount = max(threadCount, 1)
        BLAS.configure()
        for index in 0..<self.threadCount {
            let queue = queue
            let thread = Thread { queue.work() }
            thread.name = "compute-\(index)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    deinit {
        shutdown()
    }

    /// Ends the threads once every task that was handed over is done. Later calls of ``perform(costs:_:)`` run inline.
    public func shutdown() {
        queue.close()
    }

    /// Runs `body` once for each index of `costs` and returns when all are done.
    ///
    /// The costliest tasks start first. Several callers at once take turns, task by task. Cheap work, less than
    /// ``inlineCost`` in all, runs on the caller's thread. Must not be called from within a task.
    ///
    /// - Parameters:
    ///   - costs: of each task.
    ///   - body: a task, given its index and scratch memory of the thread that it runs on.
    /// - Complexity: O(n log n) beside the tasks.
    public func perform(costs: [TaskCost], _ body: @escaping @Sendable (_ index: Int, _ workspace: Workspace) -> Void) {
        guard !costs.isEmpty else { return }
        let order = costs.indices.sorted { (costs[$0].operations, $1) > (costs[$1].operations, $0) }
        guard costs.reduce(0, { $0 + $1.operations }) >= ComputePool.inlineCost else { return performInline(order, body) }
        let sharedCount = threadCount > 1 ? ComputePool.sharedCount(costs: order.map { costs[$0] }, threadCount: threadCount) : 0
        guard sharedCount > 0 else { return run(order, body) }
        let team = Team(threadCount: threadCount, queue: queue)
        queue.leading {
            for index in order.prefix(sharedCount) {
                run([index]) { index, workspace in workspace.led(by: team) { body(index, workspace) } }
            }
            if sharedCount < order.count { run(Array(order.dropFirst(sharedCount)), body) }
        }
    }

    private func run(_ order: [Int], _ body: @escaping @Sendable (_ index: Int, _ workspace: Workspace) -> Void) {
        let job = ComputeJob(order: order, body: body)
        if queue.submit(job) { job.wait() } else { performInline(order, body) }
    }

    private func performInline(_ order: [Int], _ body: (_ index: Int, _ workspace: Workspace) -> Void) {
        queue.withInlineWorkspace { workspace in
            for index in order { body(index, workspace) }
        }
    }

    /// How many of the tasks, costliest first, are done one after the other by all threads: those that take longer than their share
    /// of what is left, and are large and divisible, or leave next to nothing to wait.
    static func sharedCount(costs: [TaskCost], threadCount: Int) -> Int {
        var left = costs.reduce(0) { $0 + $1.operations }
        return costs.prefix { cost in
            defer { left -= cost.operations }
            return (cost.isDivisible || left < 1.05 * cost.operations) && cost.operations >= smallestSharedCost
                && cost.operations * Double(threadCount) > left * 1.2
        }.count
    }

    /// Of smaller tasks the products are too small to be cut.
    private static let smallestSharedCost = 1e8
}
