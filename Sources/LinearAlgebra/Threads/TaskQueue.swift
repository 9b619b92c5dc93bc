import Foundation
import Synchronization

/// The jobs that have tasks to start, served in turn, one task each.
///
/// Invariant: everything that changes is touched only under `condition`, but for two atomics that tell spinning threads when to stop:
/// `jobCount`, the number of jobs, and `leaderCount`.
final class TaskQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var jobs: [ComputeJob] = [] {
        didSet { jobCount.store(jobs.count, ordering: .relaxed) }
    }
    private let jobCount = Atomic(0)
    /// How many callers have tasks under way that teams share.
    private let leaderCount = Atomic(0)
    private var isClosed = false
    private var idleWorkspaces: [Workspace] = []

    /// Takes a job over, or returns false if the queue is closed.
    func submit(_ job: ComputeJob) -> Bool {
        condition.withLock {
            guard !isClosed else { return false }
            jobs.append(job)
            condition.broadcast()
            return true
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// The life of a compute thread: tasks, until the queue is closed and empty.
    func work() {
        let workspace = Workspace()
        while let (job, index) = nextTask() {
            job.run(index, workspace)
            guard job.isPartOfTask else { continue }
            _ = Spin.until { jobCount.load(ordering: .relaxed) > 0 || leaderCount.load(ordering: .relaxed) == 0 }
        }
    }

    /// Calls `body`, and has the threads that help with its tasks' parts wait awake for more meanwhile.
    func leading(_ body: () -> Void) {
        leaderCount.add(1, ordering: .relaxed)
        body()
        leaderCount.subtract(1, ordering: .relaxed)
    }

    /// A task of that job which no thread has begun, or nil.
    func takeTask(of job: ComputeJob) -> Int? {
        condition.withLock {
            guard let (index, isLast) = job.takeTask() else { return nil }
            if isLast { jobs.removeAll { $0 === job } }
            return index
        }
    }

    /// Scratch memory for work on a caller's thread; kept for the next such caller.
    func withInlineWorkspace(_ body: (Workspace) -> Void) {
        let workspace = condition.withLock { idleWorkspaces.popLast() } ?? Workspace()
        body(workspace)
        condition.withLock { idleWorkspaces.append(workspace) }
    }

    private func nextTask() -> (job: ComputeJob, index: Int)? {
        condition.withLock {
            while jobs.isEmpty && !isClosed { condition.wait() }
            guard !jobs.isEmpty else { return nil }
            let job = jobs.removeFirst()
            guard let (index, isLast) = job.takeTask() else { preconditionFailure("a job without tasks has left the queue") }
            if !isLast { jobs.append(job) }
            return (job, index)
        }
    }
}
