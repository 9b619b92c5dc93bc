import Memory

/// Reads one request's body from its connection, at most once and only until the request has been answered.
final class BodyReader: @unchecked Sendable {
    private enum State {
        /// Nobody has asked for the body.
        case untouched
        /// Somebody is reading it.
        case reading
        /// It has been read to its end.
        case complete
        /// Reading it failed: where the next request begins is unknown.
        case failed
        /// The request has been answered; the body may no longer be asked for.
        case over
    }

    /// An unread remainder of up to this many bytes is skipped to keep the connection.
    private static let largestSkipped = 64 << 10
    /// An answer of up to this many bytes is always given, so that probes succeed when there is no room for more.
    private static let largestUncounted = 64 << 10

    let framing: RequestBody.Framing
    let loop: EventLoop

    // Invariant: everything mutable is touched on `loop` only.
    private let connection: Connection
    private let expectsContinue: Bool
    private var state = State.untouched
    private var reserved = 0
    /// The announced length, once there is room for it.
    private var reservedLength = 0
    /// Buffers of the answer that the budget counts.
    private var held: [AlignedBuffer] = []

    init(connection: Connection, head: RequestHead) {
        self.connection = connection
        self.loop = connection.loop
        self.framing = head.framing
        self.expectsContinue = head.expectsContinue
    }

    /// - Parameters:
    ///   - limit: in bytes.
    ///   - weight: how many bytes of memory are counted for one of the body, when it is there.
    func collect(upTo limit: Int, weight: Int = 1) async throws(HTTPError) -> AlignedBuffer {
        guard state == .untouched else { throw .bodyNotAvailable }
        switch framing {
        case .none:
            state = .complete
            return AlignedBuffer(count: 0)
        case .length(let length):
            guard length <= limit else { throw .bodyTooLarge(limit: limit) }
            guard connection.context.budget.reserve(bodyOf: length) else { throw .tooManyBytesInFlight }
            reservedLength = length
            return try await reading { () async throws(HTTPError) in
                let buffer = try await self.read(length: length)
                try self.reserve(length * (weight - 1))
                return buffer
            }
        case .chunked:
            return try await reading { () async throws(HTTPError) in try await self.readChunks(limit: limit, weight: weight) }
        }
    }

    // MARK: When the handler has answered

    /// What an answered request's body means for its connection.
    enum Remainder {
        /// So many bytes are to be skipped, then the next request can be read.
        case skip(Int)
        /// The connection must end after the answer; what the client still sends is to be read for a while.
        case linger
        /// Somebody reads on although the request has been answered, so nobody else may: the connection must end at once.
        case close
    }

    /// Settles what is left of the body. From now on it cannot be asked for.
    func finish() -> Remainder {
        defer { state = .over }
        switch (state, framing) {
        case (.complete, _), (.untouched, .none), (.untouched, .length(0)):
            return .skip(0)
        case (.reading, _):
            return .close
        case (.untouched, .length(let length)):
            // A client that waits for 100 Continue may send its body now or leave it out (RFC 9110 section 10.1.1).
            let isUncertain = expectsContinue && connection.input.isEmpty
            return length <= BodyReader.largestSkipped && !isUncertain ? .skip(length) : .linger
        default:
            return .linger
        }
    }

    /// Takes room in the budget for an answer, which is held until its client has read it; false when there is none.
    func reserve(answer: ResponseBody) -> Bool {
        guard answer.heldBytes > BodyReader.largestUncounted else { return true }
        let budget = connection.context.budget
        guard case .buffers(let slices) = answer else {
            guard budget.reserve(answer.heldBytes) else { return false }
            reserved += answer.heldBytes
            return true
        }
        for slice in slices {
            guard budget.reserve(slice.buffer) else { return false }
            held.append(slice.buffer)
        }
        return true
    }

    /// Counts an answer that has to be given instead of the body that led to it, which nobody needs any more.
    func replaceReservation(by answer: ResponseBody) {
        release()
        guard case .buffers(let slices) = answer else { return }
        for slice in slices {
            connection.context.budget.take(slice.buffer)
            held.append(slice.buffer)
        }
    }

    /// Gives back what the body and its answer took of the budget.
    func release() {
        for buffer in held { connection.context.budget.release(buffer) }
        held = []
        if reservedLength > 0 { connection.context.budget.release(bodyOf: reservedLength) }
        if reserved > 0 { connection.context.budget.release(reserved) }
        (reserved, reservedLength) = (0, 0)
    }

    // MARK: Reading

    private func reserve(_ count: Int) throws(HTTPError) {
        guard connection.context.budget.reserve(count, besides: reserved + reservedLength) else { throw .tooManyBytesInFlight }
        reserved += count
    }

    private func giveBack(_ count: Int) {
        connection.context.budget.release(count)
        reserved -= count
    }

    private func reading(_ body: () async throws(HTTPError) -> AlignedBuffer) async throws(HTTPError) -> AlignedBuffer {
        state = .reading
        do {
            if expectsContinue, framing != .length(0), connection.input.isEmpty { try await connection.sendContinue() }
            connection.beginReceivingBody(length: framing.announcedLength)
            let buffer = try await body()
            settle(.complete)
            return buffer
        } catch {
            settle(.failed)
            throw error
        }
    }

    /// Notes how reading went, unless the request was answered meanwhile: then the connection's phase is no longer ours.
    private func settle(_ outcome: State) {
        guard state == .reading else { return release() }
        state = outcome
        connection.beginHandling()
    }

    private func read(length: Int) async throws(HTTPError) -> AlignedBuffer {
        let buffer = connection.context.pool.take(count: length)
        var filled = connection.input.move(into: buffer.mutableBytes)
        while filled < length {
            filled += try await receive(into: UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[filled...]), andInput: false)
        }
        return buffer
    }

    private func readChunks(limit: Int, weight: Int) async throws(HTTPError) -> AlignedBuffer {
        var decoder = ChunkDecoder()
        var body = GrowingBody(pool: connection.context.pool)
        while true {
            let framing = try decoder.readFraming(connection.input.bytes)
            connection.input.consume(framing)
            if decoder.isDone {
                // Both copies are there for a moment.
                try reserve(body.count * weight)
                defer { giveBack(body.allocated) }
                return body.joined()
            }
            guard decoder.pendingData > 0 else {
                _ = try await receive(into: nil, andInput: true)
                continue
            }
            guard decoder.pendingData <= limit - body.count else { throw .bodyTooLarge(limit: limit) }
            let allocated = body.allocated
            let free = body.space()
            try reserve(body.allocated - allocated)
            let space = UnsafeMutableRawBufferPointer(rebasing: free.prefix(decoder.pendingData))
            var moved = connection.input.move(into: space)
            // With the framing that follows, if this is the rest of the chunk.
            if moved == 0 { moved = try await receive(into: space, andInput: space.count == decoder.pendingData) }
            body.filled(moved)
            decoder.moved(moved)
        }
    }

    private func receive(into memory: UnsafeMutableRawBufferPointer?, andInput: Bool) async throws(HTTPError) -> Int {
        // An answered request's reader must not take bytes of the next one.
        guard state == .reading else { throw .bodyNotAvailable }
        switch await connection.receive(into: memory, andInput: andInput) {
        case .received(let count): return count
        case .ended: throw .bodyCutShort
        case .overdue: throw .bodyTooSlow
        }
    }
}
