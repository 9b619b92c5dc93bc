import Dispatch
import Foundation
import HTTPTypes
public import Logging
public import Memory

/// An HTTP/1.1 server (RFC 9110, RFC 9112).
///
/// Listeners accept connections and deal them out to a few event loops; each connection is one task on its loop
/// (``Connection``) that has a handler answer request after request. A server runs until it is stopped.
public final class Server: Sendable {
    private enum State {
        /// Not started yet.
        case idle
        /// Accepts connections.
        case running([Listener])
        /// Accepts no more; what is in flight may finish, or has.
        case stopped
    }

    private let state = Locked(State.idle)
    private let context: ServerContext
    private let admission: Admission
    private let sets: [ConnectionSet]
    /// Connections so far, refused ones too.
    private let connections = Locked(0)
    /// Entered once for each listener and each connection that is open.
    private let open = DispatchGroup()

    /// - Parameter meter: counts what the server does.
    public init(
        configuration: ServerConfiguration, pool: BufferPool, logger: Logger, meter: ServerMeter = ServerMeter(),
        handler: any RequestHandler
    ) {
        context = ServerContext(configuration: configuration, pool: pool, logger: logger, meter: meter, handler: handler)
        admission = Admission(limit: configuration.maximumConnections, limitPerAddress: configuration.maximumConnectionsPerAddress)
        sets = (0..<max(configuration.eventLoops, 1)).compactMap { index in
            EventLoop.forConnections(index).map { ConnectionSet(loop: $0, sweepInterval: configuration.sweepInterval) }
        }
    }

    /// Listens on the configuration's endpoints and serves them.
    ///
    /// - Returns: the addresses in fact, with the ports that were picked.
    @discardableResult
    public func start() throws(ServerError) -> [ListeningAddress] {
        let bound = try BoundEndpoints(context.configuration.endpoints)
        do {
            try start(on: bound)
        } catch {
            bound.release()
            throw error
        }
        return bound.addresses
    }

    /// Serves endpoints that were bound before, instead of the configuration's.
    public func start(on bound: BoundEndpoints) throws(ServerError) {
        guard sets.count == max(context.configuration.eventLoops, 1) else { throw .cannotPoll }
        try state.withLock { (state) throws(ServerError) in
            guard case .idle = state else { throw .alreadyStarted }
            state = .running(bound.listeners)
        }
        for listener in bound.listeners {
            open.enter()
            listener.start {
                self.take($0, from: $1)
            } whenPaused: {
                self.noteExhaustion()
            }
        }
    }

    /// Stops accepting and ends idle connections and streams of events at once. Requests in flight are answered with
    /// `Connection: close`; what is not done after the grace period is given up, its tasks cancelled.
    public func stop(gracePeriod: Duration) async {
        let listeners = state.withLock { state -> [Listener] in
            defer { state = .stopped }
            return if case .running(let listeners) = state { listeners } else { [] }
        }
        context.stop()
        for listener in listeners { listener.stop { self.open.leave() } }
        for set in sets { set.serverStops() }
        await allClosed(within: gracePeriod)
        for set in sets { set.abandon() }
        // What waited for its client ends now; a handler that does not return is left behind.
        await allClosed(within: .seconds(1))
    }

    private func take(_ descriptor: Int32, from address: String) {
        let number = connections.withLock { connections in
            connections += 1
            return connections
        }
        if let limit = admission.admit(address) { return refuse(descriptor, from: address, number, limit) }
        context.meter.accepted()
        let set = sets[number % sets.count]
        let socket = Socket(descriptor: descriptor, loop: set.loop)
        open.enter()
        set.run(Connection(socket: socket, context: context, number: number, remoteAddress: address)) {
            self.admission.leave(address)
            self.context.meter.closed()
            self.open.leave()
        }
    }

    /// Tells a client there are too many already, if its socket takes the answer at once.
    private func refuse(_ descriptor: Int32, from address: String, _ number: Int, _ limit: ServerMetrics.ConnectionLimit) {
        let detail = "Too many connections are open. Close some, or try again in a moment."
        let error = HTTPError(.serviceUnavailable, "too-many-connections", detail, headerFields: [.retryAfter: "1"])
        let response = error.response
        let framing = ResponseHead.framing(of: response, version: .http11)
        let id = context.requestID(connection: number, request: 0)
        var bytes = ResponseHead.bytes(
            of: response, framing: framing, connection: "close", date: DateField.format(time(nil)), requestID: id)
        if case .bytes(let body) = response.body { bytes += body }
        context.meter.share(of: 0).sent(max(0, send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))))
        // Closing over bytes that nobody has read would reset the connection, and the client might lose the answer.
        withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { _ = recv(descriptor, $0.baseAddress, $0.count, 0) }
        close(descriptor)
        context.meter.refusedConnection(limit)
        context.accessLog.refusals.note(error.slug, ["request_id": "\(id)", "remote": "\(address)", "limit": "\(limit.rawValue)"])
    }

    private func noteExhaustion() {
        context.meter.pausedAccepting()
        context.accessLog.refusals.note("no-descriptors")
    }

    private func allClosed(within limit: Duration) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let waiting = Locked<CheckedContinuation<Void, Never>?>(continuation)
            let end: @Sendable () -> Void = {
                let continuation = waiting.withLock { $0.take() }
                continuation?.resume()
            }
            let queue = DispatchQueue.global()
            open.notify(queue: queue, execute: end)
            queue.asyncAfter(deadline: .now() + limit.dispatchInterval, execute: end)
        }
    }
}
