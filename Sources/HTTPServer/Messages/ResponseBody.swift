import Memory

/// What an answer carries. With 204, 304 and for HEAD it is not sent.
public enum ResponseBody: Sendable {
    case empty
    /// A small body, sent together with the head.
    case bytes([UInt8])
    /// Pieces of memory, sent in order from where they are, never copied. Nobody may write to them any more.
    case buffers([BufferSlice])
    /// A body that is made while it is sent: `next` is asked for a piece whenever the last one has gone out, until it returns nil.
    ///
    /// With a `length` exactly so many bytes must come. Without one it is chunked, and delimited by the connection's end for
    /// HTTP/1.0. A failure, or another length than announced, ends the connection, so that the client sees it is not whole.
    /// `next` runs on the connection's event loop and must not block it. A client that goes away is noticed at the next piece.
    case stream(length: Int?, next: @Sendable () async throws -> BodyPiece?)
    /// A `text/event-stream` that goes on until its source ends it, its client goes or the server stops. It occupies no thread,
    /// is no request in flight that a stop would wait for, and is refused with 503 when there are too many of them.
    case events(any EventSource)
}

extension ResponseBody {
    var isEvents: Bool { if case .events = self { true } else { false } }

    /// Bytes to send, known before they are; nil for a stream that does not say.
    var byteCount: Int? {
        switch self {
        case .empty: 0
        case .bytes(let bytes): bytes.count
        case .buffers(let slices): slices.reduce(0) { $0 + $1.count }
        case .stream(let length, _): length
        case .events: nil
        }
    }

    /// Bytes that stay in memory until all is sent: of a slice, its whole buffer.
    var heldBytes: Int {
        switch self {
        case .empty, .stream, .events: 0
        case .bytes(let bytes): bytes.count
        case .buffers(let slices): slices.reduce(0) { $0 + $1.buffer.count }
        }
    }
}

/// One piece of a streamed body.
public enum BodyPiece: Sendable {
    case bytes([UInt8])
    case buffer(BufferSlice)

    var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .buffer(let slice): slice.count
        }
    }
}
