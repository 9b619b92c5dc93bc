import HTTPTypes
import Logging

/// The life of a connection, in the order in which it happens.
extension Connection {
    /// How a connection ends.
    private enum Ending {
        /// At once: nobody is there to read an answer.
        case close
        /// The client may still be sending, a next request for example; it gets time to read the answer.
        case linger
    }

    /// Bodies up to this many bytes go out in one piece with their head; larger ones are not held twice for a slow reader.
    private static let largestCopied = 16 << 10

    /// Runs the connection until it is closed.
    func run() async {
        var requests = 0
        var ending: Ending?
        while ending == nil {
            do {
                guard let head = try await readHead(isFirst: requests == 0) else { break }
                requests += 1
                await takeTurns()
                let id = RequestID.given(in: head.fields) ?? context.requestID(connection: number, request: requests)
                ending = await RequestID.$current.withValue(id) { await serve(head, id: id) }
            } catch {
                ending = await refuse(error, id: context.requestID(connection: number, request: requests + 1))
            }
        }
        if ending == .linger { await linger() }
        socket.close()
    }

    // MARK: Reading heads

    /// The next request's head; nil when the client is done or stays idle for too long.
    private func readHead(isFirst: Bool) async throws(HTTPError) -> RequestHead? {
        beginIdling(beforeFirst: isFirst)
        var reader = HeadReader(limits: context.configuration.head)
        while true {
            if let head = try reader.read(&input, &loop.heads) {
                beginHandling()
                return head
            }
            if reader.hasBegun, phase == .idle { beginReadingHead() }
            switch await receive(into: nil, andInput: true) {
            case .received:
                continue
            case .ended where phase == .idle, .overdue where phase == .idle:
                return nil
            case .ended:
                throw .malformed("The connection ended within the head.")
            case .overdue:
                // RFC 9110 section 15.5.9.
                throw HTTPError(.requestTimeout, "head-too-slow", "The head arrived too slowly.", closesConnection: true)
            }
        }
    }

    // MARK: Answering

    /// Has one request answered; nil when another may follow.
    private func serve(_ head: RequestHead, id: String) async -> Ending? {
        let began = phaseBegan
        let reader = BodyReader(connection: self, head: head)
        let request = Request(
            method: head.method,
            target: head.target.raw,
            pathSegments: head.target.pathSegments,
            queryItems: head.target.queryItems,
            headerFields: head.fields,
            body: RequestBody(reader: reader),
            id: id,
            remoteAddress: remoteAddress
        )
        var response = await context.handler.respond(to: request)
        let remainder = reader.finish()
        // A GET is asked again without harm; what else has been done must be answered.
        let route = response.route
        if head.method != .get {
            reader.replaceReservation(by: response.body)
        } else if !reader.reserve(answer: response.body) {
            response = HTTPError.tooManyBytesInFlight.response
        }
        let isStream = response.body.isEvents && head.method != .head
        if isStream, !context.admitStream() { response = Connection.tooManyStreams.response }
        response.route = route
        defer { if isStream, response.body.isEvents { context.leaveStream() } }
        let framing = ResponseHead.framing(of: response, version: head.version)
        var persists = head.persists && framing != .untilClose && !context.isStopping && !response.asksToClose
        if case .skip = remainder {} else { persists = false }
        if case .length(let length) = framing { beginAnswering(length: length) } else { beginAnswering() }
        let isWhole = await answer(response, method: head.method, version: head.version, persists: persists, id: id)
        reader.release()
        let duration = ContinuousClock.now - began
        meter.answered(head.method, response, after: duration)
        context.accessLog.write(request, response, duration: duration, isWhole: isWhole)
        guard isWhole else {
            if !isStream { meter.cutAnswer() }
            return .close
        }
        switch remainder {
        // The server may have stopped while the answer was read: no more is begun then.
        case .skip(let count) where persists && !context.isStopping: return await skip(count) ? nil : .close
        case .skip, .linger: return .linger
        case .close: return .close
        }
    }

    /// Answers a request that could not be understood, and is still in the input buffer.
    private func refuse(_ error: HTTPError, id: String) async -> Ending {
        context.meter.refusedRequest(error.slug)
        context.accessLog.write(error, from: remoteAddress, id: id)
        beginAnswering()
        // RFC 9110 section 9.3.2: no answer to HEAD has content, whatever else is wrong with the request.
        let method: HTTPRequest.Method = input.bytes.starts(with: "HEAD ".utf8) ? .head : .get
        return await answer(error.response, method: method, version: .http11, persists: false, id: id) ? .linger : .close
    }

    /// Sends an answer; false when it has not gone out whole.
    private func answer(
        _ response: Response, method: HTTPRequest.Method, version: HTTPVersion, persists: Bool, id: String
    ) async -> Bool {
        let framing = ResponseHead.framing(of: response, version: version)
        // RFC 9112 section 9.3: 1.1 persists unless told otherwise, 1.0 only when told so.
        let connection = persists ? (version == .http10 ? "keep-alive" : nil) : "close"
        var head = ResponseHead.bytes(of: response, framing: framing, connection: connection, date: loop.date.now(), requestID: id)
        // RFC 9110 section 9.3.2: HEAD is answered like GET, without the content.
        guard method != .head, framing != .none else { return await send(OutgoingBytes(head: head)) }
        switch response.body {
        case .empty:
            return await send(OutgoingBytes(head: head))
        case .bytes(let bytes) where bytes.count <= Connection.largestCopied:
            head.append(contentsOf: bytes)
            return await send(OutgoingBytes(head: head))
        case .bytes(let bytes):
            guard await send(OutgoingBytes(head: head)) else { return false }
            return await send(OutgoingBytes(head: bytes))
        case .buffers(let slices):
            return await send(OutgoingBytes(head: head, slices: slices))
        case .stream(_, let next):
            guard await send(OutgoingBytes(head: head)) else { return false }
            return await stream(next, framing: framing)
        case .events(let source):
            guard await send(OutgoingBytes(head: head)) else { return false }
            return await sendEvents(of: source, framing: framing)
        }
    }

    /// Reads and forgets what the handler left of the body; false when it does not come.
    private func skip(_ count: Int) async -> Bool {
        guard count > 0 else { return true }
        beginReceivingBody(length: count)
        var rest = count
        while true {
            let skipped = min(rest, input.count)
            input.consume(skipped)
            rest -= skipped
            guard rest > 0 else { return true }
            guard case .received = await receive(into: nil, andInput: true) else { return false }
        }
    }

    /// Closing while bytes are unread resets the connection, and the client would lose the answer (RFC 9112 section 9.6):
    /// so the sending half is closed first, and what still comes is read for a while.
    private func linger() async {
        beginLingering()
        socket.finishWriting()
        while true {
            input.consume(input.count)
            // Also while there is always more.
            guard !isOverdue(), await receive(into: nil, andInput: true).isProgress else { return }
        }
    }
}

extension Connection.Reception {
    fileprivate var isProgress: Bool { if case .received = self { true } else { false } }
}

extension Response {
    fileprivate var asksToClose: Bool {
        headerFields[values: .connection].contains { value in
            ASCII.elements(value.utf8).contains { ASCII.equal($0, ignoringCase: "close") }
        }
    }
}
