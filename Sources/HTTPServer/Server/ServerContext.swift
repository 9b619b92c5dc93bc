import Logging
import Memory
import Synchronization

/// What all connections of a server share.
final class ServerContext: Sendable {
    let configuration: ServerConfiguration
    let pool: BufferPool
    let logger: Logger
    let handler: any RequestHandler
    let budget: ByteBudget
    let dates = DateField()
    private let stopBegan = Locked<ContinuousClock.Instant?>(nil)
    /// Asked by every request, so without the lock; set after `stopBegan`.
    private let hasStopBegun = Atomic(false)

    init(configuration: ServerConfiguration, pool: BufferPool, logger: Logger, handler: any RequestHandler) {
        self.configuration = configuration
        self.pool = pool
        self.logger = logger
        self.handler = handler
        self.budget = ByteBudget(limit: configuration.maximumBodyBytesInFlight)
    }

    /// From now on every answer is a connection's last.
    var isStopping: Bool { hasStopBegun.load(ordering: .acquiring) }

    /// When the server began to stop.
    var stoppedAt: ContinuousClock.Instant? { isStopping ? stopBegan.withLock { $0 } : nil }

    func stop() {
        stopBegan.withLock { $0 = .now }
        hasStopBegun.store(true, ordering: .releasing)
    }
}
