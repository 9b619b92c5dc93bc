import CSockets
import Foundation
import Memory

/// One thread on which everything of some connections happens: it waits for all their sockets at once, and their tasks run on it.
///
/// What belongs to a connection therefore needs no lock. A few loops serve thousands of connections; nothing on them may block.
///
/// DESIGN. Not a Dispatch queue with a source a socket: on Linux a source that is set up while others are torn down can leave freed
/// memory in libdispatch's own set, and the process ends (swift-corelibs-libdispatch issue 949; seen with Swift 6.3.1 about once in
/// thirty runs of this server's tests). Handing what is ready from a waiting thread to a queue left the processor idle for a tenth
/// of the time under small requests. Here the set knows a descriptor by a number that is never used again, so what is reported
/// of one that has gone meanwhile finds nobody.
final class EventLoop: TaskExecutor, @unchecked Sendable {
    private enum Work {
        case job(UnownedJob)
        case block(@Sendable () -> Void)
    }

    /// What other threads have for the loop.
    private struct Inbox {
        var work: [Work] = []
        /// Whether the loop waits, or is about to, and has to be woken.
        var isAsleep = false
    }

    /// Never used: it would be the token of a descriptor, and those begin at 1.
    private static let wakeToken: UInt64 = 0
    private static let loops = Locked<[EventLoop]>([])

    /// From 0 on.
    let number: Int
    private let set: Int32
    private let waker: Int32
    private let inbox = Locked(Inbox())
    // Invariant: everything mutable is touched on the loop's thread only, but for `thread`, which is set before anybody else has the
    // loop, and by whom the thread is given its first work.
    private var thread = pthread_t()
    /// For all connections of the loop.
    var date = DateField()
    var heads = HeadMemo()
    private var work: [Work] = []
    /// What of it is being run.
    private var present: [Work] = []
    private var watches: [UInt64: Watch] = [:]
    private var lastToken = EventLoop.wakeToken
    /// How often the loop has looked at its sockets.
    private(set) var turns = 0

    /// The loop on which connections are accepted, so that nothing they do keeps others from being accepted.
    static var forListeners: EventLoop? { shared(0) }

    /// One of the loops on which connections are served, from 0 on.
    static func forConnections(_ index: Int) -> EventLoop? { shared(index + 1) }

    /// One of the loops of the process, which are there until it ends, for all its servers; nil when the system has no room for it.
    private static func shared(_ number: Int) -> EventLoop? {
        loops.withLock { loops in
            while loops.count <= number {
                guard let loop = EventLoop(number: loops.count) else { return nil }
                loops.append(loop)
            }
            return loops[number]
        }
    }

    /// A loop of its own; ``forConnections(_:)`` has those that serve.
    init?(number: Int) {
        self.number = number
        set = lather_poll_open()
        waker = set < 0 ? -1 : lather_poll_open_waker(set, EventLoop.wakeToken)
        guard waker >= 0 else {
            if set >= 0 { close(set) }
            return nil
        }
        // Not a Foundation thread, which does not tell that the system has no room for it. The thread keeps the loop for ever.
        let own = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let hasStarted =
            pthread_create(&thread, nil, { Unmanaged<EventLoop>.fromOpaque($0!).takeUnretainedValue().run() }, own.toOpaque()) == 0
        guard hasStarted else {
            close(waker)
            close(set)
            own.release()
            return nil
        }
        self.thread = thread
    }

    // MARK: From any thread

    func enqueue(_ job: consuming ExecutorJob) {
        add(.job(UnownedJob(job)))
    }

    /// Runs a block on the loop, after what is waiting to be run on it.
    func async(_ block: @escaping @Sendable () -> Void) {
        add(.block(block))
    }

    /// Whether the caller runs on this loop.
    var isCurrent: Bool { pthread_equal(thread, pthread_self()) != 0 }

    /// Checks, in debug builds, that the caller runs on this loop.
    func assertIsCurrent() {
        assert(isCurrent)
    }

    private func add(_ item: Work) {
        if isCurrent {
            work.append(item)
            return
        }
        let mustWake = inbox.withLock { inbox in
            inbox.work.append(item)
            defer { inbox.isAsleep = false }
            return inbox.isAsleep
        }
        if mustWake { lather_poll_wake(waker) }
    }

    // MARK: On the loop

    /// Gives a watch the token by which it is told.
    func add(_ watch: Watch) -> UInt64 {
        lastToken += 1
        watches[lastToken] = watch
        return lastToken
    }

    /// Has the system report these directions of a descriptor, in place of those before, for as long as they are ready.
    ///
    /// - Returns: false when the system has no room for it.
    func report(_ directions: Directions, of descriptor: Int32, as token: UInt64, isNew: Bool) -> Bool {
        lather_poll_report(set, descriptor, token, directions.rawValue, isNew ? 1 : 0) == 0
    }

    /// Has nothing more of a descriptor reported.
    func ignore(_ descriptor: Int32) {
        lather_poll_ignore(set, descriptor)
    }

    /// Lets go of a watch.
    func remove(_ token: UInt64) {
        watches[token] = nil
    }

    private func run() -> Never {
        lather_name_thread("http.loop.\(number)")
        while true { turn() }
    }

    /// Tells the watches what is ready, and runs what there is to run; waits for something if there is nothing.
    private func turn() {
        turns += 1
        let mayWait = takeInbox(beforeSleep: work.isEmpty)
        withUnsafeTemporaryAllocation(of: lather_ready.self, capacity: Int(LATHER_POLL_BATCH)) { ready in
            let count = lather_poll_wait(set, ready.baseAddress, mayWait ? 1 : 0)
            precondition(count >= 0 || errno == EINTR, "the set of all sockets cannot be waited for: \(errno)")
            for entry in ready.prefix(Int(max(count, 0))) {
                watches[entry.token]?.found(Directions(rawValue: entry.directions))
            }
        }
        if mayWait { takeInbox(beforeSleep: false) }
        // What this work adds has its turn after the sockets'.
        swap(&work, &present)
        for item in present {
            switch item {
            case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
            case .block(let block): block()
            }
        }
        present.removeAll(keepingCapacity: true)
    }

    /// Takes what other threads have left. Returns whether the loop may sleep: it has nothing to do, and will be woken.
    @discardableResult
    private func takeInbox(beforeSleep isIdle: Bool) -> Bool {
        inbox.withLock { inbox in
            work += inbox.work
            inbox.work.removeAll(keepingCapacity: true)
            inbox.isAsleep = isIdle && work.isEmpty
            return inbox.isAsleep
        }
    }
}
