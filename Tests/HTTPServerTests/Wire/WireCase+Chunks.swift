/// The chunked transfer coding.
extension WireCase {
    static let chunks: [WireCase] = [sizes, data, extensions, trailers].flatMap { $0 }

    private static let sizes = rfc(
        "9112 section 7.1, chunk sizes",
        [
            chunked("one chunk", "3\r\nabc\r\n0\r\n\r\n", "abc"),
            chunked("several", "1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", "abc"),
            chunked("capital letter", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            chunked("small letter", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            chunked("leading zeros", "0000000000000003\r\nabc\r\n0\r\n\r\n", "abc"),
            chunked("no bytes", "0\r\n\r\n", ""),
            chunked("too many digits", "00000000000000003\r\nabc\r\n0\r\n\r\n"),
            chunked("plus", "+3\r\nabc\r\n0\r\n\r\n"),
            chunked("minus", "-3\r\nabc\r\n0\r\n\r\n"),
            chunked("prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
            chunked("underscore", "0_3\r\nabc\r\n0\r\n\r\n"),
            chunked("no hexadecimal digit", "g\r\nabc\r\n0\r\n\r\n"),
            chunked("full-width digit", "３\r\nabc\r\n0\r\n\r\n"),
            chunked("space before", " 3\r\nabc\r\n0\r\n\r\n"),
            chunked("space after", "3 \r\nabc\r\n0\r\n\r\n"),
            chunked("tab after", "3\t\r\nabc\r\n0\r\n\r\n"),
            chunked("none", "\r\nabc\r\n0\r\n\r\n"),
            chunked("two", "3 3\r\nabc\r\n0\r\n\r\n"),
            chunked("NUL after", "3\0\r\nabc\r\n0\r\n\r\n"),
            chunked("LF alone after", "3\nabc\r\n0\r\n\r\n"),
            chunked("CR alone after", "3\rabc\r\n0\r\n\r\n"),
            chunked("CR CR LF after", "3\r\r\nabc\r\n0\r\n\r\n"),
            chunked("LF alone after the last", "0\n\r\n"),
            chunked("beyond Int", "8000000000000000\r\nabc"),
            chunked("beyond UInt", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        ])

    private static let data = rfc(
        "9112 section 7.1, chunk data",
        [
            chunked("LF alone after", "3\r\nabc\n0\r\n\r\n"),
            chunked("CR alone after", "3\r\nabc\r0\r\n\r\n"),
            chunked("nothing after", "3\r\nabc0\r\n\r\n"),
            chunked("too much", "3\r\nabcd\r\n0\r\n\r\n"),
            chunked("too little", "4\r\nabc\r\n0\r\n\r\n"),
            chunked("line ends within", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n"),
            chunked("LF alone at the end", "0\r\n\n"),
            WireCase("over the limit in one", put("Transfer-Encoding: chunked\r\n", "9\r\n123456789\r\n0\r\n\r\n", to: "/small"), 413),
            WireCase(
                "over the limit in all", put("Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n", to: "/small"), 413),
            WireCase("over the limit before it comes", put("Transfer-Encoding: chunked\r\n", "7fffffffffffffff\r\n", to: "/small"), 413),
            WireCase(
                "at the limit", put("Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n3\r\n678\r\n0\r\n\r\n", to: "/small"), 200,
                then: .open,
                body: "8"),
        ])

    private static let extensions = rfc(
        "9112 section 7.1.1, chunk extensions",
        [
            chunked("name and value", "3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", "abc"),
            chunked("white space before the semicolon", "3 \t;a\r\nabc\r\n0 ;x\r\n\r\n", "abc"),
            chunked("white space around everything", "3 ; a = b\r\nabc\r\n0\r\n\r\n", "abc"),
            chunked("semicolon in quotes", "3;a=\";\"\r\nabc\r\n0\r\n\r\n", "abc"),
            chunked("no size before", ";a\r\nabc\r\n0\r\n\r\n"),
            chunked("white space and no semicolon", "3 a\r\nabc\r\n0\r\n\r\n"),
            chunked("LF alone after", "3;a\nabc\r\n0\r\n\r\n"),
            chunked("CR alone within", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
            chunked("LF in quotes", "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"),
            chunked("NUL within", "3;a\0\r\nabc\r\n0\r\n\r\n"),
            chunked("too long", "1;\(padding(5_000))\r\na\r\n0\r\n\r\n"),
            chunked("too long in all", String(repeating: "1;\(padding(1_000))\r\na\r\n", count: 5) + "0\r\n\r\n"),
        ])

    private static let trailers = rfc(
        "9112 section 7.1.2, trailers",
        [
            chunked("one", "3\r\nabc\r\n0\r\nA: b\r\n\r\n", "abc"),
            chunked("framing fields, which mean nothing here", "1\r\na\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\n\r\n", "a"),
            chunked("no field", "0\r\nA\r\n\r\n"),
            chunked("space before the colon", "0\r\nA : b\r\n\r\n"),
            chunked("folded", "0\r\nA: b\r\n c\r\n\r\n"),
            chunked("LF alone after", "0\r\nA: b\n\r\n"),
            chunked("CR within", "0\r\nA: b\rc\r\n\r\n"),
            chunked("NUL within", "0\r\nA: \0\r\n\r\n"),
            WireCase("too large", put("Transfer-Encoding: chunked\r\n", "0\r\nA: \(padding(9_000))\r\n\r\n"), 431),
            WireCase("too many", put("Transfer-Encoding: chunked\r\n", "0\r\n\(String(repeating: "A: b\r\n", count: 1_500))\r\n"), 431),
        ])

    /// A chunked body that is echoed, or refused when there is no `body`.
    private static func chunked(_ name: String, _ chunks: String, _ body: String? = nil) -> WireCase {
        let text = put("Transfer-Encoding: chunked\r\n", chunks)
        return WireCase(name, text, body == nil ? 400 : 200, then: body == nil ? .closed : .open, body: body)
    }
}
