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
    private let stopping = Locked(false)

    init(configuration: ServerConfiguration, pool: BufferPool, logger: Logger, handler: any RequestHandler) {
        self.configuration = configuration
        self.pool = pool
        self.logger = logger
        self.handler = handler
        self.budget = ByteBudget(limit: configuration.maximumBodyBytesInFlight)
    }

    /// From now on every answer is a connection's last.
    var isStopping: Bool { stopping.withLock { $0 } }

    func stop() {
        stopping.withLock { $0 = true }
    }
}
