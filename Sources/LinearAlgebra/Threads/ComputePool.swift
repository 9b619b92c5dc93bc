import Foundation

/// The threads that compute, and the only ones that compute anything large: parallelism has one owner.
///
/// Each task runs on one thread, with single-threaded BLAS and that thread's own ``Workspace``; so a task's result does
/// not depend on the number of threads, on other tasks or on other callers. The threads are plain ones, never Dispatch's
/// or the cooperative pool's, because tasks are long and their callers block.
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
    ///   - costs: about how many floating-point operations each task takes.
    ///   - body: a task, given its index and scratch memory of the thread that it runs on.
    /// - Complexity: O(n log n) beside the tasks.
    public func perform(costs: [Double], _ body: @escaping @Sendable (_ index: Int, _ workspace: Workspace) -> Void) {
        guard !costs.isEmpty else { return }
        let order = costs.indices.sorted { (costs[$0], $1) > (costs[$1], $0) }
        let job = ComputeJob(order: order, body: body)
        if costs.reduce(0, +) >= ComputePool.inlineCost && queue.submit(job) {
            job.wait()
        } else {
            queue.withInlineWorkspace { workspace in
                for index in order { body(index, workspace) }
            }
        }
    }
}
