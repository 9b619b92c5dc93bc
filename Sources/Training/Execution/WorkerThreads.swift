import Foundation

/// Threads for work that may block: a step that waits for its computation, a commit that waits for the disk.
///
/// Such work must never sit on a Dispatch queue of the system or on Swift's cooperative threads, which are few and
/// shared with the sockets. A thread is started when work arrives and none is free, up to `maximum`, and ends after
/// `idleLimit` seconds without work, so a quiet server keeps none.
///
/// A task executor, so that work has what the task carries that asked for it, such as the name of its request in logs.
final class WorkerThreads: TaskExecutor, @unchecked Sendable {
    // Invariant: all state below is read and written under `condition`; `free` counts threads that wait in `next()`
    // and have not been promised a job yet.
    private let condition = NSCondition()
    /// Those before `firstJob` are taken, and let go.
    private var jobs: [(@Sendable () -> Void)?] = []
    private var firstJob = 0
    private var threads = 0
    private var free = 0
    private let maximum: Int
    private let idleLimit: TimeInterval

    init(maximum: Int = 64, idleLimit: TimeInterval = 10) {
        self.maximum = maximum
        self.idleLimit = idleLimit
    }

    /// Runs `job` on one of the threads, in the order of arrival.
    func run(_ job: @escaping @Sendable () -> Void) {
        condition.withLock {
            jobs.append(job)
            if free >= jobs.count - firstJob || threads == maximum {
                condition.signal()
            } else {
                threads += 1
                startThread()
            }
        }
    }

    /// Runs `work` on one of the threads and awaits what it returns.
    func perform<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await Task(executorPreference: self) { try work() }.value
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        run { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    private func startThread() {
        let thread = Thread { [self] in
            while let job = next() { job() }
        }
        thread.name = "lather-run"
        thread.stackSize = 2 << 20
        thread.start()
    }

    private func next() -> (@Sendable () -> Void)? {
        condition.withLock {
            free += 1
            defer { free -= 1 }
            while firstJob == jobs.count {
                if !condition.wait(until: Date(timeIntervalSinceNow: idleLimit)), firstJob == jobs.count {
                    threads -= 1
                    return nil
                }
            }
            let job = jobs[firstJob]
            jobs[firstJob] = nil
            firstJob += 1
            // Half of them at once, so that taking a job is O(1) and a queue that is never empty does not grow for ever.
            if firstJob > jobs.count / 2 {
                jobs.removeFirst(firstJob)
                firstJob = 0
            }
            return job
        }
    }
}
