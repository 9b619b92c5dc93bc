import HTTPTypes

/// Streams of server-sent events.
extension Connection {
    /// So long after the last event a comment follows, so that whoever is in between keeps the connection, and a client that is
    /// gone without a word is noticed.
    private static let heartbeat = Array(": heartbeat\n\n".utf8)
    /// After how many milliseconds a client that lost its connection is asked to come back.
    private static let retry = Array("retry: 1000\n\n".utf8)

    static let tooManyStreams = HTTPError(
        .serviceUnavailable, "too-many-event-streams", "As many clients are sent events as the server has room for. Try again in a while.",
        headerFields: [.retryAfter: "10"])

    /// Sends events as they come, until the source ends; false when the client or the server ends it.
    func sendEvents(of source: any EventSource, framing: ResponseHead.Framing) async -> Bool {
        var bytes = Connection.retry
        while true {
            if !bytes.isEmpty {
                beginSendingEvents()
                guard await send(outgoing(.bytes(bytes), framing: framing)) else { return false }
                bytes = []
            }
            guard !context.isStopping else { break }
            guard let events = source.take() else { break }
            for event in events { event.write(to: &bytes) }
            guard bytes.isEmpty else { continue }
            beginAwaitingEvents()
            guard await awaitNews(of: source) else { return false }
            // Nothing has come in so long, or the server stops.
            if isOverdue() { bytes = Connection.heartbeat }
        }
        guard framing == .chunked else { return true }
        beginSendingEvents()
        return await send(OutgoingBytes(head: Array("0\r\n\r\n".utf8)))
    }

    /// Returns when there is news, nothing has been sent for long, or the server stops; false when the client has gone.
    private func awaitNews(of source: any EventSource) async -> Bool {
        source.whenNews {
            self.loop.async { self.noteNews() }
        }
        while !hasNews, !isOverdue() {
            // The client has nothing to say but its next request, for which there is the input buffer, and its farewell.
            switch readAhead() {
            case .moved: continue
            case .end, .failed: return false
            case .wouldBlock: await socket.waitUntilReadable()
            }
        }
        return true
    }
}
