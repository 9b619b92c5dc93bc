extension WireCase {
    static let all = requestLines + fields + framing + chunks + order

    private static func get(_ target: String, _ fields: String = "") -> String {
        "GET \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    }

    private static func put(_ fields: String, _ body: String = "", to target: String = "/echo") -> String {
        "PUT \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\(body)"
    }

    private static let requestLines: [WireCase] = [
        WireCase("plain", get("/ok"), 200, then: .open, body: "ok"),
        WireCase("query", get("/query?a=1&b=%26%3d&a=+&&c"), 200, then: .open, body: "a=1|b=&=|a=+|c="),
        WireCase("encoded slash is part of the name", get("/names/a%2Fb/end"), 200, then: .open, body: "a/b"),
        WireCase("decoded once", get("/names/a%252Fb/end"), 200, then: .open, body: "a%2Fb"),
        WireCase("UTF-8", get("/names/%C3%BC%F0%9F%90%91/end"), 200, then: .open, body: "ü🐑"),
        WireCase("dots are names", get("/names/%2e%2e/end"), 200, then: .open, body: ".."),
        WireCase("empty placeholder", get("/names//end"), 404, then: .open),
        WireCase("trailing slash", get("/ok/"), 404, then: .open),
        WireCase("double slash", get("//ok"), 404, then: .open),
        WireCase("absolute form", get("http://b:80/ok"), 200, then: .open, body: "ok"),
        WireCase("absolute form, capitals", get("HTTP://[::1]/query?x=y"), 200, then: .open, body: "x=y"),
        WireCase("absolute form without path", get("http://b"), 404, then: .open),
        WireCase("absolute form without host", get("http:///ok"), 400),
        WireCase("absolute form with user", get("http://u@b/ok"), 400),
        WireCase("absolute form of another scheme", get("ftp://b/ok"), 400),
        WireCase("authority form", get("b:80"), 400),
        WireCase("no slash", get("ok"), 400),
        WireCase("asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open),
        WireCase("asterisk for GET", get("*"), 400),
        WireCase("CONNECT", "CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", 405),
        WireCase("OPTIONS is a method like any other", "OPTIONS /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open),
        WireCase("TRACE is not there", "TRACE /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open),
        WireCase("unknown method", "\(String(repeating: "M", count: 300)) /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open),
        WireCase("methods are case-sensitive", "get /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open),
        WireCase("method that is no token", "G(T /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        WireCase("TLS", bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01], [400]),
        WireCase("no method", " /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        WireCase("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        WireCase("two spaces", "GET  /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        WireCase("tab for space", "GET\t/ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        WireCase("space in the target", "GET /o k HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        WireCase("space at the end", "GET /ok HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        WireCase("HTTP/0.9", "GET /ok\r\n\r\n", 400),
        WireCase("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        WireCase("HTTP/3.0", "GET /ok HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        WireCase("later minor version", "GET /ok HTTP/1.9\r\nHost: a\r\n\r\n", 200, then: .open),
        WireCase("version in small letters", "GET /ok http/1.1\r\nHost: a\r\n\r\n", 400),
        WireCase("version without minor", "GET /ok HTTP/1\r\nHost: a\r\n\r\n", 400),
        WireCase("version with more digits", "GET /ok HTTP/1.10\r\nHost: a\r\n\r\n", 400),
        WireCase("fragment", get("/ok#x"), 400),
        WireCase("bytes above ASCII", get("/names/ü/end"), 400),
        WireCase("percent at the end", get("/names/a%/end"), 400),
        WireCase("percent without hexadecimal", get("/names/%+1/end"), 400),
        WireCase("encoded NUL", get("/names/a%00/end"), 400),
        WireCase("encoded bytes that are not UTF-8", get("/names/%C3%28/end"), 400),
        WireCase("overlong UTF-8", get("/names/%C0%AF/end"), 400),
        WireCase("query that is not UTF-8", get("/query?a=%FF"), 400),
        WireCase("long request line", get("/\(String(repeating: "a", count: 9_000))"), 414),
        WireCase("empty lines before", "\r\n\r\n" + get("/ok"), 200, then: .open),
        WireCase("many empty lines before", String(repeating: "\r\n", count: 5) + get("/ok"), 400),
    ]

    private static let fields: [WireCase] = [
        WireCase("no Host", "GET /ok HTTP/1.1\r\n\r\n", 400),
        WireCase("two Hosts", get("/ok", "Host: a\r\n"), 400),
        WireCase("empty Host", "GET /ok HTTP/1.1\r\nHost:\r\n\r\n", 200, then: .open),
        WireCase("Host with port", "GET /ok HTTP/1.1\r\nHost: [::1]:8421\r\n\r\n", 200, then: .open),
        WireCase("Host with path", "GET /ok HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        WireCase("Host list", "GET /ok HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        WireCase("Host with a port of letters", "GET /ok HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
        WireCase("HTTP/1.0 without Host", "GET /ok HTTP/1.0\r\n\r\n", 200, body: "ok"),
        WireCase("HTTP/1.0 that asks to stay", "GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, then: .open),
        WireCase("close", get("/ok", "Connection: close\r\n"), 200),
        WireCase("close in a list", get("/ok", "Connection: te , CLOSE\r\n"), 200),
        WireCase("space before the colon", get("/ok", "A : b\r\n"), 400),
        WireCase("no colon", get("/ok", "A\r\n"), 400),
        WireCase("empty name", get("/ok", ": b\r\n"), 400),
        WireCase("name that is no token", get("/ok", "A(: b\r\n"), 400),
        WireCase("folded line", get("/ok", "A: b\r\n c\r\n"), 400),
        WireCase("space before the first field", "GET /ok HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        WireCase("LF alone after the request line", "GET /ok HTTP/1.1\nHost: a\r\n\r\n", 400),
        WireCase("LF alone after a field", "GET /ok HTTP/1.1\r\nHost: a\n\r\n", 400),
        WireCase("LF alone at the end", "GET /ok HTTP/1.1\r\nHost: a\r\n\n", 400),
        WireCase("CR within a value", get("/ok", "A: b\rc\r\n"), 400),
        WireCase("NUL within a value", get("/ok", "A: b\0c\r\n"), 400),
        WireCase("DEL within a value", get("/ok", "A: b\u{7F}c\r\n"), 400),
        WireCase(
            "tab and Latin-1 in a value",
            bytes: Array("GET /ok HTTP/1.1\r\nHost: a\r\nA:\t".utf8) + [0xFC, 9, 0x78] + Array("\r\n\r\n".utf8), [200], then: .open),
        WireCase("empty value", get("/ok", "A:\r\n"), 200, then: .open),
        WireCase("100 fields", get("/ok", String(repeating: "A: b\r\n", count: 99)), 200, then: .open),
        WireCase("101 fields", get("/ok", String(repeating: "A: b\r\n", count: 100)), 431),
        WireCase("large head", get("/ok", "A: \(String(repeating: "b", count: 17_000))\r\n"), 431),
    ]

    private static let framing: [WireCase] = [
        WireCase("length", put("Content-Length: 3\r\n", "abc"), 200, then: .open, body: "abc"),
        WireCase("length 0", put("Content-Length: 0\r\n"), 200, then: .open, body: ""),
        WireCase("leading zeros", put("Content-Length: 003\r\n", "abc"), 200, then: .open, body: "abc"),
        WireCase("no length", put(""), 200, then: .open, body: ""),
        WireCase("no length where one is needed", put("", to: "/strict"), 411, then: .open),
        WireCase("plus", put("Content-Length: +3\r\n", "abc"), 400),
        WireCase("minus", put("Content-Length: -3\r\n", "abc"), 400),
        WireCase("hexadecimal length", put("Content-Length: 0x3\r\n", "abc"), 400),
        WireCase("empty length", put("Content-Length:\r\n", "abc"), 400),
        WireCase("length list", put("Content-Length: 3, 3\r\n", "abc"), 400),
        WireCase("equal lengths", put("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400),
        WireCase("different lengths", put("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), 400),
        WireCase("length beyond Int", put("Content-Length: 99999999999999999999\r\n", "abc"), 413),
        WireCase("length and chunked", put("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        WireCase("chunked in HTTP/1.0", "PUT /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        WireCase("identity", put("Transfer-Encoding: identity\r\n"), 400),
        WireCase("chunked not last", put("Transfer-Encoding: chunked, gzip\r\n"), 400),
        WireCase("chunked twice", put("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        WireCase("gzip before chunked", put("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501),
        WireCase("empty coding", put("Transfer-Encoding:\r\n", "0\r\n\r\n"), 400),
        WireCase("empty element before chunked", put("Transfer-Encoding: , chunked\r\n", "0\r\n\r\n"), 400),
        WireCase("vertical tab before chunked", put("Transfer-Encoding: \u{0B}chunked\r\n", "0\r\n\r\n"), 400),
        WireCase("quoted chunked", put("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 400),
        WireCase("over the limit", put("Content-Length: 9\r\n", "123456789", to: "/small"), 413, then: .open),
        WireCase("far over the limit", put("Content-Length: 99999999\r\n", to: "/small"), 413),
        WireCase("unread and small", put("Content-Length: 5\r\n", "abcde", to: "/refuse"), 409, then: .open),
        WireCase("unread and chunked", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", to: "/refuse"), 409),
        WireCase("body on GET", "GET /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200, then: .open),
        WireCase("unknown expectation", put("Content-Length: 3\r\nExpect: 200-ok\r\n", "abc"), 417),
        WireCase("expectation in HTTP/1.0", "GET /ok HTTP/1.0\r\nExpect: x\r\n\r\n", 200),
    ]

    private static let chunks: [WireCase] = [
        chunked("one chunk", "3\r\nabc\r\n0\r\n\r\n", "abc"),
        chunked("several", "1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", "abc"),
        chunked("capital hexadecimal", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        chunked("extension", "3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", "abc"),
        chunked("trailer", "3\r\nabc\r\n0\r\nA: b\r\n\r\n", "abc"),
        chunked("no bytes", "0\r\n\r\n", ""),
        chunked("plus", "+3\r\nabc\r\n0\r\n\r\n"),
        chunked("prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
        chunked("space before size", " 3\r\nabc\r\n0\r\n\r\n"),
        chunked("space after size", "3 \r\nabc\r\n0\r\n\r\n"),
        chunked("no size", "\r\nabc\r\n0\r\n\r\n"),
        chunked("no size but an extension", ";a\r\nabc\r\n0\r\n\r\n"),
        chunked("LF after size", "3\nabc\r\n0\r\n\r\n"),
        chunked("LF within an extension", "3;a\nabc\r\n0\r\n\r\n"),
        chunked("CR within an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
        chunked("LF after data", "3\r\nabc\n0\r\n\r\n"),
        chunked("too much data", "3\r\nabcd\r\n0\r\n\r\n"),
        chunked("size beyond Int", "8000000000000000\r\nabc"),
        chunked("size of many zeros", "00000000000000003\r\nabc\r\n0\r\n\r\n"),
        chunked("trailer that is no field", "0\r\nA\r\n\r\n"),
        chunked("folded trailer", "0\r\nA: b\r\n c\r\n\r\n"),
        chunked("LF after the last chunk", "0\r\n\n"),
        WireCase("chunked over the limit", put("Transfer-Encoding: chunked\r\n", "9\r\n123456789\r\n0\r\n\r\n", to: "/small"), 413),
        WireCase(
            "large trailers", put("Transfer-Encoding: chunked\r\n", "0\r\nA: \(String(repeating: "b", count: 9_000))\r\n\r\n"), 431),
        WireCase(
            "long extensions", put("Transfer-Encoding: chunked\r\n", "1;\(String(repeating: "b", count: 5_000))\r\na\r\n0\r\n\r\n"), 400),
    ]

    private static let order: [WireCase] = [
        WireCase("pipelined", get("/ok") + get("/query?a=1") + get("/pieces"), 200, 200, 200, then: .open, body: "efab"),
        WireCase(
            "pipelined bodies", put("Content-Length: 2\r\n", "ab") + put("Content-Length: 1\r\n", "c"), 200, 200, then: .open, body: "c"),
        WireCase(
            "pipelined chunks", put("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n") + get("/query?b=2"), 200, 200, then: .open,
            body: "b=2"),
        WireCase("empty line between", put("Content-Length: 1\r\n", "a") + "\r\n" + get("/ok"), 200, 200, then: .open),
        WireCase(
            "skipped body between", put("Content-Length: 4\r\n", "GET ", to: "/refuse") + get("/ok"), 409, 200, then: .open, body: "ok"),
        WireCase("nothing after an error", "BAD\r\n\r\n" + get("/ok"), 400),
        WireCase("many", String(repeating: get("/ok"), count: 3) + "GET /ok HTTP/1.1\r\n\r\n", 200, 200, 200, 400),
    ]

    /// A chunked body that is echoed, or refused when there is no `body`.
    private static func chunked(_ name: String, _ chunks: String, _ body: String? = nil) -> WireCase {
        let text = put("Transfer-Encoding: chunked\r\n", chunks)
        return WireCase("chunked: \(name)", text, body == nil ? 400 : 200, then: body == nil ? .closed : .open, body: body)
    }
}
