/// Takes the next request's head from what has arrived: the empty lines before it, then the head once it is whole.
package struct HeadReader {
    /// Empty lines that are tolerated before a request line.
    private static let maximumEmptyLines = 4

    private var scanner: HeadScanner
    private var emptyLines = 0
    /// Whether something has come that must become a head.
    private(set) var hasBegun = false

    package init(limits: HeadLimits) {
        scanner = HeadScanner(limits: limits)
    }

    /// - Parameters:
    ///   - input: what has not been consumed of earlier calls, and what has arrived since.
    ///   - memo: of heads that came before, on this connection or another.
    /// - Returns: the head, whose bytes have been consumed; nil while it has not come whole.
    /// - Throws: what ``HeadScanner`` and ``HeadParser`` throw; the head is then left in the buffer.
    package mutating func read(_ input: inout InputBuffer, _ memo: inout HeadMemo) throws(HTTPError) -> RequestHead? {
        // RFC 9112 section 2.2: ignore an empty line before the request line.
        while !hasBegun, emptyLines < HeadReader.maximumEmptyLines, input.bytes.starts(with: "\r\n".utf8) {
            input.consume(2)
            emptyLines += 1
        }
        let mayBeEmptyLine = !hasBegun && emptyLines < HeadReader.maximumEmptyLines && input.bytes.elementsEqual("\r".utf8)
        guard !input.isEmpty, !mayBeEmptyLine else { return nil }
        hasBegun = true
        guard let length = try scanner.scan(input.bytes) else { return nil }
        let head = try memo.parse(UnsafeRawBufferPointer(rebasing: input.bytes[..<length]))
        input.consume(length)
        return head
    }
}
