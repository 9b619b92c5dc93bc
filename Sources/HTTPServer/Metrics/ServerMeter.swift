import HTTPTypes
import Memory
import Metrics
import Synchronization

/// Counts what a server does, for whoever wants to look.
///
/// A request costs one short lock, a transfer of bytes an addition.
public final class ServerMeter: Sendable {
    private let counts = Locked(ServerMetrics())
    private let received = Atomic(0)
    private let sent = Atomic(0)
    private let inFlight = Atomic(0)

    public init() {}

    public var metrics: ServerMetrics {
        var metrics = counts.withLock { $0 }
        metrics.receivedBytes = received.load(ordering: .relaxed)
        metrics.sentBytes = sent.load(ordering: .relaxed)
        metrics.bytesInFlight = inFlight.load(ordering: .relaxed)
        return metrics
    }

    /// Methods under their own names; clients may invent others.
    private static let methods: Set<HTTPRequest.Method> = [.get, .head, .put, .post, .patch, .delete, .options]

    /// - Parameter duration: from the request's head to the last byte of its answer. That of a stream of events, which is its
    ///   reader's affair, is not counted.
    func answered(_ method: HTTPRequest.Method, _ response: Response, after duration: Duration) {
        let name = ServerMeter.methods.contains(method) ? method.rawValue : "other"
        let resource = ServerMetrics.Resource(method: name, route: response.route)
        let status = response.status.code
        counts.withLock { counts in
            counts.requests[resource, default: ServerMetrics.Requests()].note(status, response.body.isEvents ? nil : duration)
        }
    }

    func refusedRequest(_ slug: String) {
        counts.withLock { $0.refusedRequests[slug, default: 0] += 1 }
    }

    func accepted() {
        counts.withLock {
            $0.acceptedConnections += 1
            $0.openConnections += 1
        }
    }

    func closed() {
        counts.withLock { $0.openConnections -= 1 }
    }

    func refusedConnection(_ limit: ServerMetrics.ConnectionLimit) {
        counts.withLock { $0.refusedConnections[limit, default: 0] += 1 }
    }

    func pausedAccepting() {
        counts.withLock { $0.acceptPauses += 1 }
    }

    func received(_ count: Int) {
        received.add(count, ordering: .relaxed)
    }

    func sent(_ count: Int) {
        sent.add(count, ordering: .relaxed)
    }

    /// - Parameter count: bytes that are in memory from now on; negative when they are gone.
    func changeInFlight(by count: Int) {
        inFlight.add(count, ordering: .relaxed)
    }
}

extension ServerMetrics.Requests {
    fileprivate mutating func note(_ status: Int, _ duration: Duration?) {
        statuses[status, default: 0] += 1
        if let duration { durations.record(duration) }
    }
}
