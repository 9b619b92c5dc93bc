/// Field lines, and the fields that every request is judged by.
extension WireCase {
    static let fields: [WireCase] = [emptyLines, hosts, lines, values, sizes].flatMap { $0 }

    private static let emptyLines = rfc(
        "9112 section 2.2, empty lines before a request",
        [
            WireCase("one", "\r\n" + get("/ok"), 200, then: .open),
            WireCase("four", "\r\n\r\n\r\n\r\n" + get("/ok"), 200, then: .open),
            WireCase("five", "\r\n\r\n\r\n\r\n\r\n" + get("/ok"), 400),
            WireCase("LF alone", "\n" + get("/ok"), 400),
            WireCase("CR alone", "\r" + get("/ok"), 400),
            WireCase("CR CR LF", "\r\r\n" + get("/ok"), 400),
            WireCase("space", " \r\n" + get("/ok"), 400),
        ])

    private static let hosts = rfc(
        "9112 section 3.2, Host",
        [
            WireCase("none", "GET /ok HTTP/1.1\r\n\r\n", 400),
            WireCase("two", get("/ok", "Host: a\r\n"), 400),
            WireCase("two, in other cases", get("/ok", "hOST: b\r\n"), 400),
            WireCase("empty", "GET /ok HTTP/1.1\r\nHost:\r\n\r\n", 200, then: .open),
            WireCase("port", "GET /ok HTTP/1.1\r\nHost: [::1]:8421\r\n\r\n", 200, then: .open),
            WireCase("empty port", "GET /ok HTTP/1.1\r\nHost: a:\r\n\r\n", 200, then: .open),
            WireCase("percent-encoded", "GET /ok HTTP/1.1\r\nHost: a%2Db\r\n\r\n", 200, then: .open),
            WireCase("percent sign alone", "GET /ok HTTP/1.1\r\nHost: a%zz\r\n\r\n", 400),
            WireCase("path", "GET /ok HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
            WireCase("scheme", "GET /ok HTTP/1.1\r\nHost: http://a\r\n\r\n", 400),
            WireCase("user information", "GET /ok HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
            WireCase("two names", "GET /ok HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
            WireCase("tab between names", "GET /ok HTTP/1.1\r\nHost: a\tb\r\n\r\n", 400),
            WireCase("port of letters", "GET /ok HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
            WireCase("port with a sign", "GET /ok HTTP/1.1\r\nHost: a:+80\r\n\r\n", 400),
            WireCase("port in Arabic digits", "GET /ok HTTP/1.1\r\nHost: a:٨٠\r\n\r\n", 400),
            WireCase("two ports", "GET /ok HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400),
            WireCase("IPv6 address without brackets", "GET /ok HTTP/1.1\r\nHost: ::1\r\n\r\n", 400),
            WireCase("no address in brackets", "GET /ok HTTP/1.1\r\nHost: [::g]\r\n\r\n", 400),
            WireCase("open bracket", "GET /ok HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
            WireCase("byte above ASCII", "GET /ok HTTP/1.1\r\nHost: ü\r\n\r\n", 400),
            WireCase("HTTP/1.0 without", "GET /ok HTTP/1.0\r\n\r\n", 200, body: "ok"),
            WireCase("HTTP/1.0 with two", "GET /ok HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            WireCase("HTTP/1.0 with an invalid one", "GET /ok HTTP/1.0\r\nHost: a/b\r\n\r\n", 400),
        ])

    private static let lines = rfc(
        "9112 section 5, field lines",
        [
            WireCase("space before the colon", get("/ok", "A : b\r\n"), 400),
            WireCase("tab before the colon", get("/ok", "A\t: b\r\n"), 400),
            WireCase("space before the colon of a length", put("Content-Length : 3\r\n", "abc"), 400),
            WireCase("space before the colon of a coding", put("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400),
            WireCase("no colon", get("/ok", "A\r\n"), 400),
            WireCase("empty name", get("/ok", ": b\r\n"), 400),
            WireCase("name that is no token", get("/ok", "A(: b\r\n"), 400),
            WireCase("space within a name", get("/ok", "A b: c\r\n"), 400),
            WireCase("NUL within a name", get("/ok", "A\0: b\r\n"), 400),
            WireCase("CR within a name", get("/ok", "A\rB: c\r\n"), 400),
            WireCase("name of every other token byte", get("/ok", "!#$%&'*+-.^_`|~09: b\r\n"), 200, then: .open),
            WireCase("name with a long s", get("/ok", "Tran\u{17F}fer-Encoding: chunked\r\n"), 400),
            WireCase("name with a soft hyphen", put("Content\u{AD}-Length: 3\r\n", "abc"), 400),
            WireCase("folded line", get("/ok", "A: b\r\n c\r\n"), 400),
            WireCase("line folded with a tab", get("/ok", "A: b\r\n\tc\r\n"), 400),
            WireCase("folded coding", put("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400),
            WireCase("line of a space", get("/ok", "A: b\r\n \r\n"), 400),
            WireCase("space before the first field", "GET /ok HTTP/1.1\r\n Host: a\r\n\r\n", 400),
            WireCase("LF alone after a field", "GET /ok HTTP/1.1\r\nHost: a\n\r\n", 400),
            WireCase("LF alone at the end", "GET /ok HTTP/1.1\r\nHost: a\r\n\n", 400),
            WireCase("CR alone at the end", "GET /ok HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n", 400),
            WireCase("LF CR", "GET /ok HTTP/1.1\n\rHost: a\n\r\n\r", 400),
        ])

    private static let values = rfc(
        "9110 section 5.5, field values",
        [
            WireCase("CR within", get("/ok", "A: b\rc\r\n"), 400),
            WireCase("CR before the line's end", get("/ok", "A: b\r\r\n"), 400),
            WireCase("NUL within", get("/ok", "A: b\0c\r\n"), 400),
            WireCase("DEL within", get("/ok", "A: b\u{7F}c\r\n"), 400),
            WireCase("escape within", get("/ok", "A: b\u{1B}[2J\r\n"), 400),
            WireCase("vertical tab around", get("/ok", "A: \u{0B}b\u{0B}\r\n"), 400),
            WireCase("NUL at the end", get("/ok", "A: b\0\r\n"), 400),
            WireCase(
                "tab and Latin-1", bytes: Array("GET /ok HTTP/1.1\r\nHost: a\r\nA:\t".utf8) + [0xFC, 9, 0x78] + Array("\r\n\r\n".utf8),
                [200], then: .open),
            WireCase("UTF-8", get("/ok", "A: ü\r\n"), 200, then: .open),
            WireCase("empty", get("/ok", "A:\r\n"), 200, then: .open),
            WireCase("white space only", get("/ok", "A: \t \r\n"), 200, then: .open),
            WireCase("no space after the colon", get("/ok", "A:b\r\n"), 200, then: .open),
            WireCase("colons", get("/ok", "A: b:c:\r\n"), 200, then: .open),
        ])

    /// With a request line and Host, the largest head that the limit of 16,384 bytes lets through.
    private static let largestValue = 16_384 - get("/ok", "A: \r\n").utf8.count

    private static let sizes = rfc(
        "6585 section 5, heads that are too large",
        [
            WireCase("100 fields", get("/ok", String(repeating: "A: b\r\n", count: 99)), 200, then: .open),
            WireCase("101 fields", get("/ok", String(repeating: "A: b\r\n", count: 100)), 431),
            WireCase("101 fields and no end", "GET /ok HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 101), 431),
            WireCase("largest head", get("/ok", "A: \(padding(largestValue))\r\n"), 200, then: .open),
            WireCase("head too large by one", get("/ok", "A: \(padding(largestValue + 1))\r\n"), 431),
            WireCase("field that never ends", "GET /ok HTTP/1.1\r\nA: \(padding(20_000))", 431),
            WireCase("name that never ends", "GET /ok HTTP/1.1\r\n\(padding(20_000))", 431),
        ])
}
