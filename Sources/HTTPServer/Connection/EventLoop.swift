import Dispatch

/// One serial queue on which everything of some connections happens: their tasks run here, their sockets report here.
///
/// What belongs to a connection therefore needs no lock. A few loops serve thousands of connections; none of them may block.
final class EventLoop: TaskExecutor {
    let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label, qos: .userInitiated)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Checks, in debug builds, that the caller runs on this loop.
    func assertIsCurrent() {
        assert(isCurrent)
    }

    private var isCurrent: Bool {
        dispatchPrecondition(condition: .onQueue(queue))
        return true
    }
}
