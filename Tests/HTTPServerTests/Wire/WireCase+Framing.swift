/// Where a body ends, by its length or by its coding.
extension WireCase {
    static let framing: [WireCase] = [lengths, codings, both].flatMap { $0 }

    private static let lengths = rfc(
        "9110 section 8.6, Content-Length",
        [
            WireCase("three bytes", put("Content-Length: 3\r\n", "abc"), 200, then: .open, body: "abc"),
            WireCase("none", put("Content-Length: 0\r\n"), 200, then: .open, body: ""),
            WireCase("leading zeros", put("Content-Length: 003\r\n", "abc"), 200, then: .open, body: "abc"),
            WireCase("white space around", put("Content-Length: \t3 \t\r\n", "abc"), 200, then: .open, body: "abc"),
            WireCase("name in other cases", put("cONTENT-lENGTH: 3\r\n", "abc"), 200, then: .open, body: "abc"),
            WireCase(
                "line ends, NUL and all in the body", put("Content-Length: 6\r\n", "\r\n\0\r\n\n"), 200, then: .open, body: "\r\n\0\r\n\n"),
            WireCase("left out", put(""), 200, then: .open, body: ""),
            WireCase("left out where one is needed", put("", to: "/strict"), 411, then: .open),
            WireCase("plus", put("Content-Length: +3\r\n", "abc"), 400),
            WireCase("minus", put("Content-Length: -3\r\n", "abc"), 400),
            WireCase("minus zero", put("Content-Length: -0\r\n"), 400),
            WireCase("hexadecimal", put("Content-Length: 0x3\r\n", "abc"), 400),
            WireCase("fraction", put("Content-Length: 3.0\r\n", "abc"), 400),
            WireCase("exponent", put("Content-Length: 3e0\r\n", "abc"), 400),
            WireCase("underscore", put("Content-Length: 1_0\r\n", "0123456789"), 400),
            WireCase("space within", put("Content-Length: 1 0\r\n", "0123456789"), 400),
            WireCase("empty", put("Content-Length:\r\n", "abc"), 400),
            WireCase("quoted", put("Content-Length: \"3\"\r\n", "abc"), 400),
            WireCase("Arabic digit", put("Content-Length: ٣\r\n", "abc"), 400),
            WireCase("full-width digit", put("Content-Length: ３\r\n", "abc"), 400),
            WireCase("digit with a combining mark", put("Content-Length: 3\u{301}\r\n", "abc"), 400),
            WireCase("no-break space before", put("Content-Length: \u{A0}3\r\n", "abc"), 400),
            WireCase("list of equals", put("Content-Length: 3, 3\r\n", "abc"), 400),
            WireCase("list of differents", put("Content-Length: 3, 4\r\n", "abc"), 400),
            WireCase("comma after", put("Content-Length: 3,\r\n", "abc"), 400),
            WireCase("twice the same", put("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400),
            WireCase("two different", put("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), 400),
            WireCase("two in different cases", put("Content-Length: 3\r\ncontent-length: 4\r\n", "abc"), 400),
            WireCase("one and an empty one", put("Content-Length: 3\r\nContent-Length:\r\n", "abc"), 400),
            WireCase("on GET", "GET /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200, then: .open, body: "ok"),
            WireCase("in HTTP/1.0", "PUT /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", 200, body: "abc"),
            WireCase("largest number", put("Content-Length: 9223372036854775807\r\n"), 413),
            WireCase("one more than the largest number", put("Content-Length: 9223372036854775808\r\n", "abc"), 413),
            WireCase("2 to the 64th and 3", put("Content-Length: 18446744073709551619\r\n", "abc"), 413),
            WireCase("twenty nines", put("Content-Length: 99999999999999999999\r\n", "abc"), 413),
        ])

    private static let codings = rfc(
        "9112 sections 6.1 and 7, Transfer-Encoding",
        [
            WireCase("chunked", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"), 200, then: .open, body: "abc"),
            WireCase("codings have no case", put("transfer-encoding: Chunked \r\n", "1\r\na\r\n0\r\n\r\n"), 200, then: .open, body: "a"),
            WireCase("in HTTP/1.0", "PUT /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            WireCase(
                "in HTTP/1.0 that asks to stay",
                "PUT /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            WireCase("on GET", get("/ok", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 200),
            WireCase("identity", put("Transfer-Encoding: identity\r\n"), 400),
            WireCase("identity before chunked", put("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"), 501),
            WireCase("unknown", put("Transfer-Encoding: cow\r\n"), 400),
            WireCase("gzip alone", put("Transfer-Encoding: gzip\r\n"), 400),
            WireCase("gzip before chunked", put("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501),
            WireCase("gzip and chunked in two lines", put("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 501),
            WireCase("chunked not last", put("Transfer-Encoding: chunked, gzip\r\n"), 400),
            WireCase("chunked not last, in two lines", put("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"), 400),
            WireCase("chunked twice", put("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400),
            WireCase("chunked in two lines", put("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
            WireCase("chunked with a parameter", put("Transfer-Encoding: chunked;a=b\r\n", "0\r\n\r\n"), 400),
            WireCase("empty", put("Transfer-Encoding:\r\n", "0\r\n\r\n"), 400),
            WireCase("empty element before chunked", put("Transfer-Encoding: , chunked\r\n", "0\r\n\r\n"), 400),
            WireCase("empty element after chunked", put("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"), 400),
            WireCase("space within chunked", put("Transfer-Encoding: chun ked\r\n", "0\r\n\r\n"), 400),
            WireCase("tab within chunked", put("Transfer-Encoding: chunk\ted\r\n", "0\r\n\r\n"), 400),
            WireCase("vertical tab before chunked", put("Transfer-Encoding: \u{0B}chunked\r\n", "0\r\n\r\n"), 400),
            WireCase("NUL after chunked", put("Transfer-Encoding: chunked\0\r\n", "0\r\n\r\n"), 400),
            WireCase("quoted chunked", put("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 400),
            WireCase("xchunked", put("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400),
            WireCase("chunked with a Kelvin sign", put("Transfer-Encoding: chun\u{212A}ed\r\n", "0\r\n\r\n"), 400),
        ])

    private static let both = rfc(
        "9112 section 6.3, both at once",
        [
            WireCase("length first", put("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
            WireCase("coding first", put("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400),
            WireCase("length 0", put("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
            WireCase("unknown coding", put("Content-Length: 3\r\nTransfer-Encoding: cow\r\n", "abc"), 400),
            WireCase("on GET", get("/ok", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400),
            WireCase(
                "smuggled request", put("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") + get("/ok"), 400),
        ])
}
