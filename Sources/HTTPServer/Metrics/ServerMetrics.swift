public import Metrics

/// What a server has done since it was made, and what it holds now.
public struct ServerMetrics: Sendable {
    /// What requests are told apart by. There are as many as a server has routes and methods, whatever clients send.
    public struct Resource: Sendable, Hashable {
        /// The method, or `other` for one that no route has.
        public let method: String
        /// The pattern of the route; nil for a path that none fits.
        public let route: String?
    }

    /// The requests of one resource.
    public struct Requests: Sendable {
        /// How many were answered with each status.
        public internal(set) var statuses: [Int: Int] = [:]
        /// Seconds from a request's head to the last byte of its answer, but for streams of events.
        public internal(set) var durations = Histogram.seconds
    }

    /// Why a connection was refused.
    public enum ConnectionLimit: String, Sendable, CaseIterable {
        /// There were as many as the server takes.
        case all
        /// There were as many from its address as the server takes from one.
        case address
    }

    /// Requests that a handler has answered.
    public internal(set) var requests: [Resource: Requests] = [:]
    /// Of their answers, those that have not gone out whole: the client was gone or too slow, or the rest could not be made.
    public internal(set) var cutAnswers = 0
    /// Requests that no handler has seen, because they could not be read, by the slug of their problem.
    public internal(set) var refusedRequests: [String: Int] = [:]
    /// Connections admitted.
    public internal(set) var acceptedConnections = 0
    /// Of these, how many are open now.
    public internal(set) var openConnections = 0
    /// Connections answered 503 and closed.
    public internal(set) var refusedConnections: [ConnectionLimit: Int] = [:]
    /// How often accepting paused because no descriptor was free. Clients wait meanwhile.
    public internal(set) var acceptPauses = 0
    /// Bytes read from sockets.
    public internal(set) var receivedBytes = 0
    /// Bytes that sockets took.
    public internal(set) var sentBytes = 0
    /// Bytes of bodies and large answers in memory now.
    public internal(set) var bytesInFlight = 0
}
