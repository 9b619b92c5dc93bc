import Foundation
import Memory

/// One client's connection: reads a request, has it answered, reads the next.
///
/// A single task runs it from accept to close, on the connection's event loop.
final class Connection: @unchecked Sendable {
    /// What the connection is doing, which decides what a stopping server and the sweep do to it.
    enum Phase {
        /// Waits for the first byte of a request. May be ended at any time.
        case idle
        /// Reads a head.
        case head
        /// The handler reads the body.
        case receiving
        /// The handler works.
        case handling
        /// Sends an answer.
        case answering
        /// Sends events as they come, which nobody waits for the end of.
        case streaming
        /// Has sent its last answer and lets the client read it.
        case lingering
    }

    /// What came of waiting for bytes.
    enum Reception {
        case received(Int)
        case ended
        case overdue
    }

    /// After so much work without a pause the other connections of the loop get a turn.
    private static let workBeforeYield = 1 << 20
    private static let timeBeforeYield = Duration.milliseconds(1)
    /// Who has sent this much at once is likely to go on like that.
    private static let much = 64 << 10
    /// How many bytes of such a body are worth being woken for, which costs as much as reading them.
    private static let worthWaking = 256 << 10
    /// What a client may still take for a phase when the server stops: to send its request, to read its refusal.
    private static let lastTime = Duration.seconds(2)
    /// The same to read an answer. What it tells of has been done, so it can be asked for again.
    private static let lastTimeToRead = Duration.seconds(5)

    // Invariant: everything mutable is touched on `loop` only; so are the socket and the input buffer.
    let context: ServerContext
    let loop: EventLoop
    let meter: ServerMeter.Share
    let socket: Socket
    let number: Int
    let remoteAddress: String
    var input: InputBuffer
    private(set) var phase = Phase.idle
    /// When the present wait has lasted too long; nil while the handler works.
    private(set) var deadline: ContinuousClock.Instant?
    private var pace: Pace?
    private(set) var phaseBegan = ContinuousClock.now
    private var workSinceYield = 0
    /// When the task last let others go first, or waited.
    private var turnBegan = ContinuousClock.now
    private var lastReceived = 0
    /// Whether there are events to be sent, as far as the source has said.
    private(set) var hasNews = false

    init(socket: Socket, context: ServerContext, number: Int, remoteAddress: String) {
        self.context = context
        self.loop = socket.loop
        self.meter = context.meter.share(of: socket.loop.number)
        self.socket = socket
        self.number = number
        self.remoteAddress = remoteAddress
        self.input = InputBuffer(capacity: context.configuration.head.bytes)
    }

    // MARK: Phases

    /// Who has connected is about to ask; who has asked may keep the connection for later.
    func beginIdling(beforeFirst isFirst: Bool) {
        let configuration = context.configuration
        enter(.idle, for: isFirst ? min(configuration.headTimeout, configuration.keepAliveTimeout) : configuration.keepAliveTimeout)
    }

    func beginReadingHead() {
        enter(.head, for: context.configuration.headTimeout)
    }

    /// No deadline: how long a handler works is its own affair.
    func beginHandling() {
        enter(.handling, for: nil)
    }

    /// - Parameter length: the announced one, 0 when it is not known.
    func beginReceivingBody(length: Int) {
        begin(.receiving, context.configuration.receiving, length: length)
    }

    /// - Parameter length: of what is sent, 0 when it is little.
    func beginAnswering(length: Int = 0) {
        begin(.answering, context.configuration.sending, length: length)
    }

    /// The next piece of an answer is being made, which is not the client's time.
    func pauseAnswering() {
        let kept = pace
        enter(.handling, for: nil)
        pace = kept
    }

    func resumeAnswering() {
        var kept = pace
        kept?.pause(for: .now - phaseBegan)
        enter(.answering, for: nil)
        deadline = kept?.advance(by: 0, now: phaseBegan)
        pace = kept
    }

    func beginSendingEvents() {
        begin(.streaming, context.configuration.sending, length: 0)
    }

    func beginAwaitingEvents() {
        hasNews = false
        enter(.streaming, for: context.configuration.heartbeatInterval)
    }

    /// There are events to be sent.
    func noteNews() {
        hasNews = true
        if phase == .streaming { socket.wake() }
    }

    func beginLingering() {
        enter(.lingering, for: context.configuration.lingerTimeout)
    }

    private func begin(_ phase: Phase, _ limits: TransferLimits, length: Int) {
        enter(phase, for: nil)
        let pace = Pace(start: phaseBegan, limits: limits, length: length)
        deadline = pace.deadline
        self.pace = pace
    }

    private func enter(_ phase: Phase, for limit: Duration?) {
        self.phase = phase
        phaseBegan = .now
        deadline = limit.map { phaseBegan + $0 }
        pace = nil
    }

    func isOverdue(now: ContinuousClock.Instant = .now) -> Bool {
        if let deadline, deadline <= now { return true }
        if phase == .streaming { return context.isStopping }
        // What has not arrived whole is not in flight yet, and a stop must not wait for it long.
        guard let stoppedAt = context.stoppedAt else { return false }
        switch phase {
        case .head, .receiving, .lingering: return max(stoppedAt, phaseBegan) + Connection.lastTime <= now
        case .answering: return max(stoppedAt, phaseBegan) + Connection.lastTimeToRead <= now
        case .idle, .handling, .streaming: return false
        }
    }

    /// Called every now and then: wakes the task if what it waits for has taken too long.
    func sweep(now: ContinuousClock.Instant) {
        // What has come although less is not reported tells that the client is there.
        if phase == .receiving { socket.reportEverything() }
        if isOverdue(now: now) { socket.wake() }
    }

    /// The server stops: an idle connection looks once more for a request and ends, one that works goes on to its answer.
    func serverStops() {
        switch phase {
        case .idle, .streaming: socket.wake()
        case .lingering: socket.abort()
        case .head, .receiving, .handling, .answering: break
        }
    }

    // MARK: Receiving and sending

    /// Waits for at least one byte.
    ///
    /// - Parameters:
    ///   - memory: filled first. The count that is returned is of bytes here, or in the input buffer when it is nil.
    ///   - andInput: whether what does not fit may go into the input buffer.
    func receive(into memory: UnsafeMutableRawBufferPointer?, andInput: Bool) async -> Reception {
        // Who has just been answered has hardly asked again, and the loop looks at all sockets at once.
        if phase == .idle, !context.isStopping { await awaitBytes(upTo: memory?.count) }
        while true {
            switch read(into: memory, andInput: andInput) {
            case .moved(let count):
                meter.received(count)
                lastReceived = count
                if worked(count) { await Task.yield() }
                return .received(count)
            case .wouldBlock:
                guard !isOverdue() else { return .overdue }
                guard phase != .idle || !context.isStopping else { return .ended }
                await awaitBytes(upTo: memory?.count)
            case .end, .failed:
                return .ended
            }
        }
    }

    private func awaitBytes(upTo count: Int?) async {
        input.release()
        let isInFlow = phase == .receiving && lastReceived >= Connection.much
        await socket.waitUntilReadable(atLeast: isInFlow ? min(count ?? 1, Connection.worthWaking) : 1)
        turnBegan = .now
    }

    /// Reads what is there into the input buffer. A client that sends more than a head while it is sent events has no use for them.
    func readAhead() -> Socket.Transfer {
        let space = input.space()
        guard !space.isEmpty else { return .failed }
        let result = socket.read(into: space)
        if case .moved(let count) = result { input.filled(count) } else { input.release() }
        return result
    }

    private func read(into memory: UnsafeMutableRawBufferPointer?, andInput: Bool) -> Socket.Transfer {
        guard let memory else {
            let result = socket.read(into: input.space())
            if case .moved(let count) = result { input.filled(count) }
            return result
        }
        guard andInput else { return socket.read(into: memory) }
        let result = socket.read(into: memory, then: input.space())
        guard case .moved(let count) = result, count > memory.count else { return result }
        input.filled(count - memory.count)
        return .moved(memory.count)
    }

    /// Sends everything; false when the client is gone or too slow.
    func send(_ bytes: OutgoingBytes) async -> Bool {
        var bytes = bytes
        while !bytes.isEmpty {
            switch bytes.write(to: socket) {
            case .moved(let count):
                meter.sent(count)
                if worked(count) { await Task.yield() }
            case .wouldBlock:
                guard !isOverdue() else { return false }
                await socket.waitUntilWritable()
            case .end, .failed:
                return false
            }
        }
        return true
    }

    func sendContinue() async throws(HTTPError) {
        beginAnswering()
        guard await send(OutgoingBytes(head: Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))) else { throw .bodyCutShort }
    }

    /// Gives the other connections of the loop a turn if this one has had its own. A client may have sent thousands of requests at
    /// once, none of which waits for anything.
    func takeTurns() async {
        guard phaseBegan - turnBegan >= Connection.timeBeforeYield else { return }
        await Task.yield()
        turnBegan = .now
    }

    /// Keeps the pace; true after a good deal of work, when others should have a turn.
    private func worked(_ count: Int) -> Bool {
        if var pace {
            deadline = pace.advance(by: count, now: .now)
            self.pace = pace
        }
        workSinceYield += count
        guard workSinceYield >= Connection.workBeforeYield else { return false }
        workSinceYield = 0
        return true
    }
}
