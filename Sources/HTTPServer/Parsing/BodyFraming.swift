import HTTPTypes

/// Where a request's body ends: the one question on which every hop must agree (RFC 9112 section 6).
enum BodyFraming {
    static func framing(_ fields: HTTPFields, version: HTTPVersion) throws(HTTPError) -> RequestBody.Framing {
        let lengths = fields[values: .contentLength]
        let codings = fields[values: .transferEncoding]
        if !codings.isEmpty {
            guard lengths.isEmpty else {
                // RFC 9112 section 6.1: both at once is an attempt at smuggling, or an error.
                throw .malformed("A request has Content-Length or Transfer-Encoding, not both.")
            }
            guard version == .http11 else {
                // RFC 9112 section 6.1: treat the framing as faulty.
                throw .malformed("HTTP/1.0 knows no Transfer-Encoding.")
            }
            try checkCodings(codings)
            return .chunked
        }
        guard let length = lengths.first else { return .none }
        guard lengths.count == 1 else {
            // RFC 9112 section 6.3 lets a recipient merge equal ones; there is no honest reason to send them.
            throw .malformed("A request has one Content-Length.")
        }
        return .length(try parseLength(length.utf8))
    }

    /// `1*DIGIT` (RFC 9110 section 8.6); no sign, no list.
    private static func parseLength(_ digits: some Collection<UInt8>) throws(HTTPError) -> Int {
        guard !digits.isEmpty, digits.allSatisfy(ASCII.isDigit) else {
            throw .malformed("Content-Length is a number in decimal digits.")
        }
        var length = 0
        for digit in digits {
            let (tens, tooLarge) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            guard !tooLarge, !carry else {
                // A valid length, and larger than any limit (RFC 9110 sections 8.6 and 15.5.14).
                throw HTTPError(.contentTooLarge, "body-too-large", "The announced length is too large.", closesConnection: true)
            }
            length = sum
        }
        return length
    }

    /// `chunked` last and once (RFC 9112 section 6.3), and nothing else, which section 6.1 answers with 501. Empty elements,
    /// which RFC 9110 section 5.6.1.2 would have ignored, are refused: nobody sends them who does not test what gets past.
    private static func checkCodings(_ values: [String]) throws(HTTPError) {
        let codings = values.flatMap { ASCII.elements($0.utf8) }
        let chunked = codings.map { ASCII.equal($0, ignoringCase: "chunked") }
        guard chunked.last == true, chunked.count(where: { $0 }) == 1, !codings.contains(where: \.isEmpty) else {
            throw .malformed("The last transfer coding, and only the last, is chunked.")
        }
        guard codings.count == 1 else {
            let detail = "The only transfer coding here is chunked."
            throw HTTPError(.notImplemented, "transfer-coding-not-implemented", detail, closesConnection: true)
        }
    }

    /// RFC 9110 section 10.1.1: ignored in HTTP/1.0; any expectation but one is refused.
    static func expectsContinue(_ fields: HTTPFields, version: HTTPVersion) throws(HTTPError) -> Bool {
        let expectations = fields[values: .expect]
        guard version == .http11, !expectations.isEmpty else { return false }
        guard expectations.allSatisfy({ ASCII.equal($0.utf8, ignoringCase: "100-continue") }) else {
            let detail = "The only expectation met here is 100-continue."
            throw HTTPError(.expectationFailed, "expectation-failed", detail, closesConnection: true)
        }
        return true
    }
}
