import Logging
import Memory
import Synchronization

/// What all connections of a server share.
final class ServerContext: Sendable {
    let configuration: ServerConfiguration
    let pool: BufferPool
    let logger: Logger
    let accessLog: AccessLog
    let meter: ServerMeter
    let handler: any RequestHandler
    let budget: ByteBudget
    /// What the names of requests begin with that clients have not named: another one each time a server is made.
    private let namePrefix = String(UInt32.random(in: 1 << 28 ... .max), radix: 16)
    private let streams = Locked(0)
    private let stopBegan = Locked<ContinuousClock.Instant?>(nil)
    /// Asked by every request, so without the lock; set after `stopBegan`.
    private let hasStopBegun = Atomic(false)

    init(configuration: ServerConfiguration, pool: BufferPool, logger: Logger, meter: ServerMeter, handler: any RequestHandler) {
        self.configuration = configuration
        self.pool = pool
        self.logger = logger
        self.accessLog = AccessLog(logger: logger)
        self.meter = meter
        self.handler = handler
        self.budget = ByteBudget(limit: configuration.maximumBodyBytesInFlight, meter: meter)
    }

    /// A name for a request whose client has not given it one.
    ///
    /// - Parameter request: its number on its connection; 0 for what is said before the first.
    func requestID(connection: Int, request: Int) -> String { "\(namePrefix)-\(connection)-\(request)" }

    /// From now on every answer is a connection's last.
    var isStopping: Bool { hasStopBegun.load(ordering: .acquiring) }

    /// When the server began to stop.
    var stoppedAt: ContinuousClock.Instant? { isStopping ? stopBegan.withLock { $0 } : nil }

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
        hasStopBegun.store(true, ordering: .releasing)
    }
}
