public import Memory
import Synchronization

/// A request's body, which stays on the wire until a handler asks for it.
///
/// What a handler leaves unread is the server's business: a small remainder is skipped, otherwise the connection ends after
/// the answer.
public final class RequestBody: Sendable {
    /// How the body's end is told (RFC 9112 section 6.3).
    public enum Framing: Sendable, Equatable {
        /// Neither `Content-Length` nor `Transfer-Encoding`: there is no body. Answer 411 where one is needed.
        case none
        /// `Content-Length`, in bytes.
        case length(Int)
        /// `Transfer-Encoding: chunked`: known only when it has been read.
        case chunked

        /// In bytes; 0 where nothing is announced.
        var announcedLength: Int { if case .length(let length) = self { length } else { 0 } }
    }

    private enum Source {
        case memory([UInt8])
        case connection(BodyReader)
    }

    /// How its end is known.
    public let framing: Framing
    private let source: Source
    /// Nanoseconds; negative before.
    private let duration = Atomic(-1)

    /// A body that is here already, for tests of handlers.
    public init(bytes: [UInt8], framing: Framing? = nil) {
        self.framing = framing ?? (bytes.isEmpty ? .none : .length(bytes.count))
        self.source = .memory(bytes)
    }

    init(reader: BodyReader) {
        self.framing = reader.framing
        self.source = .connection(reader)
    }

    /// The length in bytes that the client announced; nil when it is chunked or there is no body.
    public var declaredLength: Int? {
        if case .length(let length) = framing { length } else { nil }
    }

    /// Whether it is known, before anything is read, that no byte will come.
    public var isEmpty: Bool { framing == .none || framing == .length(0) }

    /// How long ``collect(upTo:weight:)`` took to receive the body; nil before.
    public var receiveDuration: Duration? {
        let nanoseconds = duration.load(ordering: .relaxed)
        return nanoseconds < 0 ? nil : .nanoseconds(nanoseconds)
    }

    /// Reads the whole body into one buffer of exactly its length. To be called once, before the request is answered.
    ///
    /// A client that sent `Expect: 100-continue` is told to go on here and not before, so that whatever a handler refuses
    /// earlier costs no transfer. A body with a length goes from the socket straight into the buffer; a chunked one is copied
    /// once more at the end, since its size is known only then.
    ///
    /// - Parameters:
    ///   - limit: the largest body to take, in bytes.
    ///   - weight: what a byte of it comes to in memory until the request has been answered, for the budget of bytes in flight.
    /// - Throws: 413 before anything is read when the length is over the limit (while reading when chunked), 503 with
    ///   `Retry-After` when too many bytes are in flight, 408 when the client is too slow, 400 when the body is malformed or
    ///   cut short, 500 when the body was asked for before or its request is over.
    public func collect(upTo limit: Int, weight: Int = 1) async throws(HTTPError) -> AlignedBuffer {
        let clock = ContinuousClock()
        let start = clock.now
        let buffer: AlignedBuffer
        switch source {
        case .memory(let bytes):
            guard bytes.count <= limit else { throw .bodyTooLarge(limit: limit) }
            buffer = AlignedBuffer(count: bytes.count)
            buffer.mutableBytes.copyBytes(from: bytes)
        case .connection(let reader):
            // The reader belongs to its connection's loop, from whatever task it is called.
            buffer = try await withTaskExecutorPreference(reader.loop) { () async throws(HTTPError) -> AlignedBuffer in
                try await reader.collect(upTo: limit, weight: weight)
            }
        }
        duration.store(Int((clock.now - start) / .nanoseconds(1)), ordering: .relaxed)
        return buffer
    }
}
