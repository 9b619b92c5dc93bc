import HTTPTypes
import Memory
import Metrics
import Synchronization

/// Counts what a server does, for whoever wants to look.
///
/// A request costs one short lock, a transfer of bytes an addition.
public final class ServerMeter: Sendable {
    /// What the connections of one event loop do, so that loops do not wait for each other.
    final class Share: Sendable {
        fileprivate let requests = Locked<[ServerMetrics.Resource: ServerMetrics.Requests]>([:])
        fileprivate let received = Atomic(0)
        fileprivate let sent = Atomic(0)
        fileprivate let cutAnswers = Atomic(0)

        /// Methods under their own names; clients may invent others.
        private static let methods: Set<HTTPRequest.Method> = [.get, .head, .put, .post, .patch, .delete, .options]

        /// - Parameter duration: from the request's head to the last byte of its answer. That of a stream of events, which is its
        ///   reader's affair, is not counted.
        func answered(_ method: HTTPRequest.Method, _ response: Response, after duration: Duration) {
            let name = Share.methods.contains(method) ? method.rawValue : "other"
            let resource = ServerMetrics.Resource(method: name, route: response.route)
            let status = response.status.code
            requests.withLock { requests in
                requests[resource, default: ServerMetrics.Requests()].note(status, response.body.isEvents ? nil : duration)
            }
        }

        /// An answer has not gone out whole.
        func cutAnswer() {
            cutAnswers.add(1, ordering: .relaxed)
        }

        func received(_ count: Int) {
            received.add(count, ordering: .relaxed)
        }

        func sent(_ count: Int) {
            sent.add(count, ordering: .relaxed)
        }
    }

    private let counts = Locked(ServerMetrics())
    private let shares = (0..<8).map { _ in Share() }
    private let inFlight = Atomic(0)

    /// Everything at zero.
    public init() {}

    /// What has been counted until now.
    public var metrics: ServerMetrics {
        var metrics = counts.withLock { $0 }
        for share in shares {
            metrics.requests.merge(share.requests.withLock { $0 }) { $0 + $1 }
            metrics.receivedBytes += share.received.load(ordering: .relaxed)
            metrics.sentBytes += share.sent.load(ordering: .relaxed)
            metrics.cutAnswers += share.cutAnswers.load(ordering: .relaxed)
        }
        metrics.bytesInFlight = inFlight.load(ordering: .relaxed)
        return metrics
    }

    /// What the loop of this number counts in.
    func share(of loop: Int) -> Share { shares[loop % shares.count] }

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

    fileprivate static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.statuses.merge(right.statuses, uniquingKeysWith: +)
        sum.durations.add(right.durations)
        return sum
    }
}
