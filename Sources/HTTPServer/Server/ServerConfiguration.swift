/// Where a server listens and what it puts up with.
public struct ServerConfiguration: Sendable {
    /// Where to listen.
    public enum Endpoint: Sendable, Equatable {
        /// A host name or numeric address and a port; port 0 picks a free one.
        case tcp(host: String, port: Int)
        /// A Unix socket, for its owner only; a stale file of an earlier server is replaced.
        case unix(path: String)
    }

    /// Where to listen.
    public var endpoints: [Endpoint]
    /// Threads that move bytes, each for many connections. All servers of a process share them.
    public var eventLoops = 2
    /// Connections in all; further ones are answered 503.
    public var maximumConnections = 16_384
    /// Connections from one IP address.
    public var maximumConnectionsPerAddress = 4_096
    /// The size of a request's head.
    public var head = HeadLimits()
    /// From a head's first byte to its last.
    public var headTimeout = Duration.seconds(15)
    /// How long a connection may stay without a request. Long, since it costs little here and a trainer's step may take minutes.
    public var keepAliveTimeout = Duration.seconds(300)
    /// How slowly a body may arrive.
    public var receiving = TransferLimits(grace: .seconds(30), minimumBytesPerSecond: 1_024)
    /// How slowly an answer may be taken.
    public var sending = TransferLimits(grace: .seconds(30), minimumBytesPerSecond: 1_024)
    /// How long a client that still sends may take to notice that it has been answered and refused.
    public var lingerTimeout = Duration.seconds(10)
    /// Bytes of bodies, and of large answers to GET, in memory at once; one beyond is refused with 503 unless it is the only one.
    public var maximumBodyBytesInFlight = 8 << 30
    /// Streams of events at once; one beyond is refused with 503.
    public var maximumEventStreams = 256
    /// After how long without an event a stream has a comment sent: proxies end connections that are silent for a minute or so.
    public var heartbeatInterval = Duration.seconds(15)
    /// How often overdue connections are looked for, and thereby how exact the time limits are.
    public var sweepInterval = Duration.milliseconds(500)

    /// The limits' defaults, at these endpoints.
    public init(endpoints: [Endpoint]) {
        self.endpoints = endpoints
    }
}
