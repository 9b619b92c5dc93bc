import HTTPTypes

/// Finds the end of a request's head among bytes that arrive in any portions, looking at each byte once.
struct HeadScanner {
    private let limits: HeadLimits
    private var position = 0
    private var lineStart = 0
    private var lines = 0

    init(limits: HeadLimits) {
        self.limits = limits
    }

    /// Looks at what has arrived since the last call.
    ///
    /// - Parameter bytes: everything from the request line's first byte on, as far as it is there.
    /// - Returns: the head's length with its closing empty line, or nil while that has not come.
    /// - Throws: 400 for a line that does not end in CRLF, 414 and 431 for what is too large.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) -> Int? {
        if lines == 0, let first = bytes.first, !ASCII.isTokenByte(first) {
            // RFC 9112 section 3: a request line begins with a method. Says so at once to a client that speaks TLS.
            throw .malformed("The request does not begin with a method.")
        }
        while let found = bytes[position...].firstIndex(of: ASCII.lineFeed) {
            position = found + 1
            let endsInCRLF = found > lineStart && bytes[found - 1] == ASCII.carriageReturn
            let length = (endsInCRLF ? found - 1 : found) - lineStart
            // Before its end is judged: what comes in portions is found too long before its end is there.
            if lines == 0 { try checkRequestLine(length) }
            // RFC 9112 section 2.2 lets a recipient take a bare LF for a line's end; those who differ about it get smuggled past.
            guard endsInCRLF else { throw .malformed("A line of the head does not end in CRLF.") }
            lineStart = position
            guard position <= limits.bytes else { throw tooLarge }
            if length == 0 { return position }
            lines += 1
            guard lines - 1 <= limits.fields else { throw tooLarge }
        }
        position = bytes.count
        if lines == 0 { try checkRequestLine(bytes.last == ASCII.carriageReturn ? bytes.count - 1 : bytes.count) }
        guard bytes.count < limits.bytes else { throw tooLarge }
        return nil
    }

    private func checkRequestLine(_ length: Int) throws(HTTPError) {
        guard length <= limits.requestLineBytes else {
            // RFC 9112 section 3: a target longer than the server wishes to parse.
            let detail = "The request line is longer than \(limits.requestLineBytes) bytes."
            throw HTTPError(.uriTooLong, "request-line-too-long", detail, closesConnection: true)
        }
    }

    private var tooLarge: HTTPError {
        // RFC 6585 section 5.
        let detail = "The head is larger than \(limits.bytes) bytes or has more than \(limits.fields) fields."
        return HTTPError(.requestHeaderFieldsTooLarge, "head-too-large", detail, closesConnection: true)
    }
}
