import HTTPTypes

/// Parses a complete head. Works on bytes: what `String` and `Int` would forgive is where requests get smuggled.
enum HeadParser {
    /// - Parameter bytes: the head as ``HeadScanner`` found it: lines that end in CRLF, the last one empty.
    static func parse(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) -> RequestHead {
        var rest = bytes[...]
        let requestLine = try parseRequestLine(nextLine(&rest))
        var fields = HTTPFields()
        while true {
            let line = nextLine(&rest)
            guard !line.isEmpty else { break }
            fields.append(try parseField(line))
        }
        let version = requestLine.version
        try checkHost(fields, version: version)
        let connection = connectionOptions(fields)
        return RequestHead(
            method: requestLine.method,
            target: requestLine.target,
            version: version,
            fields: fields,
            framing: try BodyFraming.framing(fields, version: version),
            expectsContinue: try BodyFraming.expectsContinue(fields, version: version),
            // RFC 9112 section 9.3.
            persists: !connection.close && (version == .http11 || connection.keepAlive)
        )
    }

    /// Takes the next line without its CRLF.
    private static func nextLine(_ rest: inout Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        guard let end = rest.firstIndex(of: ASCII.lineFeed) else { return rest[rest.endIndex...] }
        let line = rest[..<(end - 1)]
        rest = rest[(end + 1)...]
        return line
    }

    // MARK: Request line

    private typealias RequestLine = (method: HTTPRequest.Method, target: RequestTarget, version: HTTPVersion)

    /// `method SP request-target SP HTTP-version` (RFC 9112 section 3).
    private static func parseRequestLine(_ line: Slice<UnsafeRawBufferPointer>) throws(HTTPError) -> RequestLine {
        guard let first = line.firstIndex(of: ASCII.space), let last = line.lastIndex(of: ASCII.space), first < last,
            case let target = line[(first + 1)..<last], !target.contains(ASCII.space)
        else {
            // RFC 9112 section 3.2: no whitespace in the target; guessing where it ends is how filters are by-passed.
            throw .malformed("The request line is not a method, a target and a version with one space between them.")
        }
        guard let method = HTTPRequest.Method(String(decoding: line[..<first], as: UTF8.self)) else {
            throw .malformed("The method is not a token.")
        }
        let version = try parseVersion(UnsafeRawBufferPointer(rebasing: line[(last + 1)...]))
        guard method != .connect else {
            // RFC 9110 section 9.3.6: only a proxy has use for it. An empty Allow is section 10.2.1's "no method at all".
            let detail = "This server is not a proxy."
            throw HTTPError(.methodNotAllowed, "method-not-allowed", detail, headerFields: [.allow: ""], closesConnection: true)
        }
        return (method, try RequestTarget(target, method: method), version)
    }

    /// `HTTP/` digit `.` digit, in capitals (RFC 9112 section 2.3).
    private static func parseVersion(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) -> HTTPVersion {
        guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), bytes[6] == UInt8(ascii: "."),
            ASCII.isDigit(bytes[5]), ASCII.isDigit(bytes[7])
        else {
            throw .malformed("The version is not of the form HTTP/1.1.")
        }
        guard bytes[5] == UInt8(ascii: "1") else {
            // RFC 9110 section 15.6.6.
            let detail = "This server speaks HTTP/1.1 and HTTP/1.0."
            throw HTTPError(.httpVersionNotSupported, "http-version-not-supported", detail, closesConnection: true)
        }
        return bytes[7] == UInt8(ascii: "0") ? .http10 : .http11
    }

    // MARK: Fields

    /// `field-name ":" OWS field-value OWS` (RFC 9112 section 5); also a trailer's.
    static func parseField<Bytes: BidirectionalCollection<UInt8>>(_ line: Bytes) throws(HTTPError) -> HTTPField
    where Bytes.SubSequence == Bytes {
        guard let first = line.first, !ASCII.isWhitespace(first) else {
            // RFC 9112 section 5.2: obs-fold, and section 2.2: whitespace before the first field.
            throw .malformed("A field line begins with white space.")
        }
        guard let colon = line.firstIndex(of: ASCII.colon) else {
            throw .malformed("A field line has no colon.")
        }
        // RFC 9112 section 5.1: no whitespace between name and colon; a space is no token byte.
        guard let name = HTTPField.Name(String(decoding: line[..<colon], as: UTF8.self)) else {
            throw .malformed("A field name is not a token directly before its colon.")
        }
        let value = ASCII.trimmed(line[colon...].dropFirst())
        guard value.allSatisfy(ASCII.isFieldValueByte) else {
            // RFC 9110 section 5.5: CR, LF and NUL are dangerous, the other control characters are invalid.
            throw .malformed("A field value holds control characters.")
        }
        return HTTPField(name: name, lenientValue: value)
    }

    /// HTTPTypes keeps this one back for its own `authority`.
    private static let hostName = HTTPField.Name("Host")!

    /// Exactly one Host for 1.1, at most one for 1.0, and a valid one (RFC 9112 section 3.2).
    private static func checkHost(_ fields: HTTPFields, version: HTTPVersion) throws(HTTPError) {
        let hosts = fields[fields: hostName]
        guard hosts.count == 1 || hosts.isEmpty && version == .http10 else {
            throw .malformed("A request has exactly one Host field.")
        }
        guard hosts.allSatisfy({ Authority.isValid($0.value.utf8) }) else {
            throw .malformed("The Host field is not a host with an optional port.")
        }
    }

    private static func connectionOptions(_ fields: HTTPFields) -> (close: Bool, keepAlive: Bool) {
        var found = (close: false, keepAlive: false)
        for value in fields[values: .connection] {
            for option in ASCII.elements(value.utf8) {
                if ASCII.equal(option, ignoringCase: "close") { found.close = true }
                if ASCII.equal(option, ignoringCase: "keep-alive") { found.keepAlive = true }
            }
        }
        return found
    }
}
