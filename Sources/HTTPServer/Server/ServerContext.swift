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

    func stop() {
        stopBegan.withLock { $0 = .now }
    }
}
