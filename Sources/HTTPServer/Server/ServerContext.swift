import Logging
import Memory

/// What all connections of a server share.
final class ServerContext: Sendable {
    let configuration: ServerConfiguration
    let pool: BufferPool
    let logger: Logger
    let handler: any RequestHandler
    let budget: ByteBudget
    let dates = DateField()
    private let streams = Locked(0)
    private let stopBegan = Locked<ContinuousClock.Instant?>(nil)

    init(configuration: ServerConfiguration, pool: BufferPool, logger: Logger, handler: any RequestHandler) {
        self.configuration = configuration
        self.pool = pool
        self.logger = logger
        self.handler = handler
        self.budget = ByteBudget(limit: configuration.maximumBodyBytesInFlight)
    }

    /// From now on every answer is a connection's last.
    var isStopping: Bool { stoppedAt != nil }

    /// When the server began to stop.
    var stoppedAt: ContinuousClock.Instant? { stopBegan.withLock { $0 } }

    /// Admits one more stream of events, or does not.
    func admitStream() -> Bool {
        streams.withLock { streams in
            guard streams < configuration.maximumEventStreams else { return false }
            streams += 1
            return true
        }
    }

    /// Notes that an admitted stream has ended.
    func leaveStream() {
        streams.withLock { $0 -= 1 }
    }

    func stop() {
        stopBegan.withLock { $0 = .now }
    }
}
