import Foundation

/// Runs an actor's jobs one after another on ``WorkerThreads``, so that the actor's methods may block.
///
/// A run is an actor on an executor of its own: its steps are in one order by construction, and a long step holds up
/// neither another run nor a socket.
final class BlockingSerialExecutor: SerialExecutor, @unchecked Sendable {
    // Invariant: `waiting` and `isActive` are touched only under `lock`; at most one thread runs `drain` at a time,
    // namely the one that set `isActive`.
    private let lock = NSLock()
    private var waiting: [UnownedJob] = []
    private var isActive = false
    private let threads: WorkerThreads

    init(threads: WorkerThreads) {
        self.threads = threads
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustStart = lock.withLock {
            waiting.append(job)
            defer { isActive = true }
            return !isActive
        }
        if mustStart {
            threads.run { self.drain() }
        }
    }

    private func drain() {
        while true {
            let batch = lock.withLock { () -> [UnownedJob] in
                defer { waiting.removeAll(keepingCapacity: true) }
                if waiting.isEmpty { isActive = false }
                return waiting
            }
            if batch.isEmpty { return }
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }
}
