import CSockets
import Dispatch
import Foundation
import Memory

/// Waits for all sockets of the process on one thread, and has what is ready handled on the queue that the socket belongs to.
///
/// DESIGN. Not a Dispatch source a socket: on Linux a source that is set up while others are torn down can leave freed memory in
/// libdispatch's own set, and the process ends (swift-corelibs-libdispatch issue 949; seen with Swift 6.3.1 about once in thirty
/// runs of this server's tests). Here the set knows a descriptor by a number that is never used again, so what is reported of one
/// that has gone meanwhile finds nobody.
final class Poller: Sendable {
    /// Everybody's: a thread and a descriptor for the whole process. Nil when the system had no room for it.
    static let shared = Poller()

    private struct Watched {
        let queue: DispatchQueue
        let report: @Sendable (Directions) -> Void
    }

    private struct State {
        var watched: [UInt64: Watched] = [:]
        var lastToken: UInt64 = 0
    }

    private static let batch = 64

    private let set: Int32
    private let state = Locked(State())

    private init?() {
        set = lather_poll_open()
        guard set >= 0 else { return nil }
        let thread = Thread { [self] in
            while true { handleNext() }
        }
        thread.name = "http.poller"
        thread.start()
    }

    /// Makes room for a descriptor.
    ///
    /// - Parameter report: called on `queue`, once for each time that was asked, possibly also after ``remove(_:_:)``.
    /// - Returns: its token.
    func add(on queue: DispatchQueue, _ report: @escaping @Sendable (Directions) -> Void) -> UInt64 {
        state.withLock { state in
            state.lastToken += 1
            state.watched[state.lastToken] = Watched(queue: queue, report: report)
            return state.lastToken
        }
    }

    /// Asks for one report of what is ready in one of these directions, or has ended or failed there.
    ///
    /// - Returns: false when the system has no room for it.
    func ask(_ token: UInt64, _ descriptor: Int32, for directions: Directions, isFirst: Bool) -> Bool {
        lather_poll_ask(set, descriptor, token, directions.rawValue, isFirst ? 1 : 0) == 0
    }

    /// Lets go of a descriptor, which may be closed when this returns.
    func remove(_ token: UInt64, _ descriptor: Int32) {
        lather_poll_remove(set, descriptor)
        state.withLock { state in state.watched[token] = nil }
    }

    private func handleNext() {
        withUnsafeTemporaryAllocation(of: lather_ready.self, capacity: Poller.batch) { ready in
            let count = lather_poll_wait(set, ready.baseAddress, Int32(Poller.batch))
            precondition(count >= 0 || errno == EINTR, "the set of all sockets cannot be waited for: \(errno)")
            for entry in ready.prefix(Int(max(count, 0))) {
                guard let watched = state.withLock({ $0.watched[entry.token] }) else { continue }
                watched.queue.async { watched.report(Directions(rawValue: entry.directions)) }
            }
        }
    }
}
