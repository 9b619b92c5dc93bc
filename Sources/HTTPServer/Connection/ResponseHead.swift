import HTTPTypes

/// An answer's head as bytes: the handler's fields, and those that are the server's business.
enum ResponseHead {
    /// How the client tells where the body ends.
    enum Framing: Equatable {
        /// No body, and nothing is said about one (204, 304).
        case none
        case length(Int)
        case chunked
        /// For HTTP/1.0, which knows no chunks.
        case untilClose
    }

    /// How an answer is framed (RFC 9110 section 8.6, RFC 9112 section 6.3).
    static func framing(of response: Response, version: HTTPVersion) -> Framing {
        guard response.status != .noContent, response.status != .notModified, response.status.kind != .informational else { return .none }
        return switch response.body {
        case .empty, .bytes, .buffers: .length(response.body.heldBytes)
        case .stream(let length?, _): .length(length)
        case .stream(nil, _), .events: version == .http11 ? .chunked : .untilClose
        }
    }

    static func bytes(of response: Response, framing: Framing, connection: String?, date: String) -> [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(512)
        head.append(contentsOf: "HTTP/1.1 ".utf8)
        head.append(contentsOf: String(response.status.code).utf8)
        head.append(ASCII.space)
        head.append(contentsOf: response.status.reasonPhrase.utf8)
        head.append(contentsOf: "\r\n".utf8)
        for field in response.headerFields {
            switch field.name {
            case .contentLength, .transferEncoding, .connection, .date: continue
            default: append(field.name.rawName, field.value, to: &head)
            }
        }
        append("Date", date, to: &head)
        switch framing {
        case .none, .untilClose: break
        case .length(let length): append("Content-Length", String(length), to: &head)
        case .chunked: append("Transfer-Encoding", "chunked", to: &head)
        }
        if let connection { append("Connection", connection, to: &head) }
        head.append(contentsOf: "\r\n".utf8)
        return head
    }

    private static func append(_ name: String, _ value: String, to head: inout [UInt8]) {
        head.append(contentsOf: name.utf8)
        head.append(contentsOf: ": ".utf8)
        head.append(contentsOf: value.utf8)
        head.append(contentsOf: "\r\n".utf8)
    }
}
