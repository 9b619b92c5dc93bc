import HTTPTypes

/// Understands the chunked transfer coding (RFC 9112 section 7.1) byte by byte: everything but the data itself, which the
/// caller moves where it belongs.
package struct ChunkDecoder {
    private enum State {
        case size(digits: Int)
        case extensionSemicolon
        case extensions
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailer
        case done
    }

    /// Sixteen hexadecimal digits hold every length there is.
    private static let maximumSizeDigits = 16
    /// Bytes of extensions in a whole body: nobody uses them, but each chunk may carry some.
    private static let maximumExtensionBytes = 4 << 10
    /// Bytes and fields of the trailer section, which is checked and dropped.
    private static let maximumTrailerBytes = 8 << 10

    private var state = State.size(digits: 0)
    private var size = 0
    private var extensionBytes = 0
    private var trailerLine: [UInt8] = []
    private var trailerBytes = 0

    /// Bytes of data that come next; 0 when framing comes next.
    package private(set) var pendingData = 0
    /// Whether the whole body, trailers included, has been understood.
    package private(set) var isDone = false

    package init() {}

    /// Reads framing until data or the body's end comes next.
    ///
    /// - Returns: how many bytes it was, which is all of them unless data or the end has come.
    /// - Throws: 400 for anything but the exact form, 431 for trailers that are too large.
    package mutating func readFraming(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) -> Int {
        var position = 0
        while position < bytes.count, pendingData == 0, !isDone {
            try read(bytes[position])
            position += 1
        }
        return position
    }

    /// Notes that `count` bytes of the pending data have been moved.
    package mutating func moved(_ count: Int) {
        precondition(count <= pendingData)
        pendingData -= count
        if pendingData == 0 { state = .dataCarriageReturn }
    }

    private mutating func read(_ byte: UInt8) throws(HTTPError) {
        switch state {
        case .size(let digits):
            try readSize(byte, digits: digits)
        case .extensionSemicolon:
            if byte == ASCII.semicolon {
                state = .extensions
            } else {
                try countExtension(byte)
                guard ASCII.isWhitespace(byte) else { throw malformed }
            }
        case .extensions:
            if byte == ASCII.carriageReturn {
                state = .sizeLineFeed
            } else {
                try countExtension(byte)
            }
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { throw malformed }
            pendingData = size
            state = size == 0 ? .trailer : .data
        case .dataCarriageReturn:
            guard byte == ASCII.carriageReturn else { throw malformed }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { throw malformed }
            size = 0
            state = .size(digits: 0)
        case .trailer:
            try readTrailer(byte)
        case .data, .done:
            preconditionFailure("framing is read only where framing is expected")
        }
    }

    private mutating func countExtension(_ byte: UInt8) throws(HTTPError) {
        extensionBytes += 1
        guard ASCII.isFieldValueByte(byte), extensionBytes <= ChunkDecoder.maximumExtensionBytes else { throw malformed }
    }

    /// `chunk-size = 1*HEXDIG`, then at once CRLF or an extension, which alone may have white space before its semicolon
    /// (RFC 9112 section 7.1.1); no sign or prefix.
    private mutating func readSize(_ byte: UInt8, digits: Int) throws(HTTPError) {
        if let digit = ASCII.hexadecimal(byte) {
            // RFC 9112 section 7.1: anticipate large numbers and prevent overflow.
            guard digits < ChunkDecoder.maximumSizeDigits, size <= Int.max >> 4 else { throw malformed }
            size = size << 4 | Int(digit)
            state = .size(digits: digits + 1)
            return
        }
        guard digits > 0 else { throw malformed }
        switch byte {
        case ASCII.carriageReturn: state = .sizeLineFeed
        case ASCII.semicolon: state = .extensions
        case ASCII.space, ASCII.tab: state = .extensionSemicolon
        default: throw malformed
        }
    }

    private mutating func readTrailer(_ byte: UInt8) throws(HTTPError) {
        trailerBytes += 1
        guard trailerBytes <= ChunkDecoder.maximumTrailerBytes else {
            let detail = "The trailers are larger than \(ChunkDecoder.maximumTrailerBytes) bytes."
            throw HTTPError(.requestHeaderFieldsTooLarge, "trailers-too-large", detail, closesConnection: true)
        }
        guard byte == ASCII.lineFeed else {
            trailerLine.append(byte)
            return
        }
        guard trailerLine.popLast() == ASCII.carriageReturn else { throw malformed }
        if trailerLine.isEmpty {
            state = .done
            isDone = true
        } else {
            _ = try HeadParser.parseField(trailerLine[...])
            trailerLine.removeAll()
        }
    }

    private var malformed: HTTPError { .malformed("The chunked body is malformed.") }
}
