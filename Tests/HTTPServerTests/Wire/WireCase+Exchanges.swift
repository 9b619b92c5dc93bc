/// Requests in a row, requests that are answered before their bodies, and connections that end.
extension WireCase {
    static let exchanges: [WireCase] = [heads, order, persistence, earlyAnswers, expectations, cut].flatMap { $0 }

    private static let heads = rfc(
        "9110 section 9.3.2, HEAD",
        [
            WireCase("a length", head("/ok"), 200, then: .open, with: ["Content-Length": "2"], heads: [0]),
            WireCase(
                "a stream", head("/stream"), 200, then: .open, with: ["Transfer-Encoding": "chunked", "Content-Length": ""], heads: [0]),
            WireCase("no resource", head("/nowhere"), 404, then: .open, heads: [0]),
            WireCase("no GET", head("/echo"), 405, then: .open, with: ["Allow": "PUT"], heads: [0]),
            WireCase("before GET", head("/pieces") + get("/pieces"), 200, 200, then: .open, body: "efab", heads: [0]),
            WireCase("after PUT", put("Content-Length: 1\r\n", "a") + head("/ok"), 200, 200, then: .open, body: "", heads: [1]),
            WireCase("a malformed one", "HEAD /ok HTTP/1.1\r\n\r\n", 400, heads: [0]),
            WireCase("too many fields", head("/ok", String(repeating: "A: b\r\n", count: 100)), 431, heads: [0]),
            WireCase("line too long", head("/ok?\(padding(9_000))"), 414, heads: [0]),
            WireCase("HTTP/1.0", "HEAD /stream HTTP/1.0\r\n\r\n", 200, with: ["Transfer-Encoding": ""], heads: [0]),
        ])

    private static let order = rfc(
        "9112 section 9.3.2, pipelining",
        [
            WireCase("requests", get("/ok") + get("/query?a=1") + get("/pieces"), 200, 200, 200, then: .open, body: "efab"),
            WireCase("bodies", put("Content-Length: 2\r\n", "ab") + put("Content-Length: 1\r\n", "c"), 200, 200, then: .open, body: "c"),
            WireCase(
                "chunks", put("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n") + get("/query?b=2"), 200, 200, then: .open,
                body: "b=2"),
            WireCase("streams", get("/stream") + get("/stream") + get("/ok"), 200, 200, 200, then: .open, body: "ok"),
            WireCase("empty line between", put("Content-Length: 1\r\n", "a") + "\r\n" + get("/ok"), 200, 200, then: .open),
            WireCase(
                "refused body between", put("Content-Length: 4\r\n", "GET ", to: "/refuse") + get("/ok"), 409, 200, then: .open, body: "ok"),
            WireCase("one byte too much", put("Content-Length: 1\r\n", "ab") + get("/ok"), 200, 405, then: .open),
            WireCase(
                "request in a body", put("Content-Length: \(get("/ok").utf8.count)\r\n", get("/ok")), 200, then: .open, body: get("/ok")),
            WireCase("nothing after an error", "BAD\r\n\r\n" + get("/ok"), 400),
            WireCase("nothing after a bad chunk", put("Transfer-Encoding: chunked\r\n", "x\r\n\r\n") + get("/ok"), 400),
            WireCase("errors of resources between", get("/nowhere") + get("/echo") + get("/ok"), 404, 405, 200, then: .open, body: "ok"),
            WireCase("an error at the end", String(repeating: get("/ok"), count: 3) + "GET /ok HTTP/1.1\r\n\r\n", 200, 200, 200, 400),
        ])

    private static let persistence = rfc(
        "9112 sections 9.3 and 9.6, persistence",
        [
            WireCase("close", get("/ok", "Connection: close\r\n"), 200),
            WireCase("close in a list", get("/ok", "Connection: te , CLOSE\r\n"), 200),
            WireCase("close in the second line", get("/ok", "Connection: te\r\nConnection: close\r\n"), 200),
            WireCase("close beside keep-alive", get("/ok", "Connection: keep-alive, close\r\n"), 200),
            WireCase("empty elements", get("/ok", "Connection: ,, ,close\r\n"), 200),
            WireCase("space within close", get("/ok", "Connection: clo se\r\n"), 200, then: .open),
            WireCase("something that begins like close", get("/ok", "Connection: closed\r\n"), 200, then: .open),
            WireCase("nothing after close", get("/ok", "Connection: close\r\n") + get("/ok"), 200),
            WireCase("close with a body", put("Connection: close\r\nContent-Length: 3\r\n", "abc"), 200, body: "abc"),
            WireCase("close with a body that is refused", put("Connection: close\r\nContent-Length: 3\r\n", "abc", to: "/refuse"), 409),
            WireCase(
                "upgrade is not there", get("/ok", "Connection: Upgrade\r\nUpgrade: h2c\r\n"), 200, then: .open, with: ["Upgrade": ""]),
            WireCase("HTTP/1.0", "GET /ok HTTP/1.0\r\n\r\n", 200),
            WireCase(
                "HTTP/1.0 that asks to stay", "GET /ok HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, then: .open,
                with: ["Connection": "keep-alive"]),
            WireCase("HTTP/1.0 and a stream", "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, body: "stream"),
        ])

    private static let earlyAnswers = rfc(
        "9112 section 9.3 and 9110 section 15.5, answers before the body",
        [
            WireCase("413", put("Content-Length: 9\r\n", "123456789", to: "/small"), 413, then: .open),
            WireCase("413, and much to come", put("Content-Length: 99999999\r\n", "1234", to: "/small"), 413),
            WireCase("409", put("Content-Length: 5\r\n", "abcde", to: "/refuse"), 409, then: .open),
            WireCase("409, chunked", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", to: "/refuse"), 409),
            WireCase("409, and much to come", put("Content-Length: 99999999\r\n", to: "/refuse"), 409),
            WireCase(
                "401", put("Content-Length: 5\r\n", "abcde", to: "/locked"), 401, then: .open, with: ["WWW-Authenticate": "Bearer"]),
            WireCase("401, and much to come", put("Content-Length: 99999999\r\n", to: "/locked"), 401),
            WireCase("404", put("Content-Length: 5\r\n", "abcde", to: "/nowhere"), 404, then: .open),
            WireCase("404, and much to come", put("Content-Length: 99999999\r\n", to: "/nowhere"), 404),
            WireCase("405", put("Content-Length: 5\r\n", "abcde", to: "/ok"), 405, then: .open, with: ["Allow": "GET, HEAD"]),
            WireCase("405, and much to come", put("Content-Length: 99999999\r\n", to: "/ok"), 405),
        ])

    /// None of these may be told to continue: the strict count of answers would show it.
    private static let expectations = rfc(
        "9110 section 10.1.1, Expect",
        [
            WireCase("413", put("Content-Length: 9\r\nExpect: 100-continue\r\n", to: "/small"), 413),
            WireCase("413 beyond Int", put("Content-Length: 99999999999999999999\r\nExpect: 100-continue\r\n"), 413),
            WireCase("409", put("Content-Length: 9\r\nExpect: 100-Continue\r\n", to: "/refuse"), 409),
            WireCase("409, chunked", put("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", to: "/refuse"), 409),
            WireCase("401", put("Content-Length: 9\r\nExpect: 100-continue\r\n", to: "/locked"), 401),
            WireCase("404", put("Content-Length: 9\r\nExpect: 100-continue\r\n", to: "/nowhere"), 404),
            WireCase("405", put("Content-Length: 9\r\nExpect: 100-continue\r\n", to: "/ok"), 405),
            WireCase("no body", put("Content-Length: 0\r\nExpect: 100-continue\r\n"), 200, then: .open, body: ""),
            WireCase("no framing", put("Expect: 100-continue\r\n"), 200, then: .open, body: ""),
            WireCase("HTTP/1.0", "PUT /echo HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", 200, body: "abc"),
            WireCase("unknown", put("Content-Length: 3\r\nExpect: 200-ok\r\n", "abc"), 417),
            WireCase("unknown beside a known one", put("Content-Length: 3\r\nExpect: 100-continue, x\r\n", "abc"), 417),
            WireCase("with a parameter", put("Content-Length: 3\r\nExpect: 100-continue;a=b\r\n", "abc"), 417),
            WireCase("unknown in HTTP/1.0", "GET /ok HTTP/1.0\r\nExpect: x\r\n\r\n", 200),
        ])

    private static let cut = rfc(
        "9112 section 8, what is incomplete",
        [
            WireCase("nothing", "", then: .cut),
            WireCase("an empty line", "\r\n", then: .cut),
            WireCase("half an empty line", "\r", then: .cut),
            WireCase("within a method", "GE", 400, then: .cut),
            WireCase("within a target", "GET /o", 400, then: .cut),
            WireCase("within a version", "GET /ok HTTP/1.", 400, then: .cut),
            WireCase("within the first line's end", "GET /ok HTTP/1.1\r", 400, then: .cut),
            WireCase("after the first line", "GET /ok HTTP/1.1\r\n", 400, then: .cut),
            WireCase("within a field", "GET /ok HTTP/1.1\r\nHost", 400, then: .cut),
            WireCase("within the last line's end", "GET /ok HTTP/1.1\r\nHost: a\r\n\r", 400, then: .cut),
            WireCase("after a request", get("/ok"), 200, then: .cut, body: "ok"),
            WireCase("within the second request", get("/ok") + "GET /o", 200, 400, then: .cut),
            WireCase("before a body", put("Content-Length: 5\r\n"), 400, then: .cut),
            WireCase("within a body", put("Content-Length: 5\r\n", "abc"), 400, then: .cut),
            WireCase("after a body", put("Content-Length: 3\r\n", "abc"), 200, then: .cut, body: "abc"),
            WireCase("within a refused body", put("Content-Length: 5\r\n", "abc", to: "/refuse"), 409, then: .cut),
            WireCase("before the chunks", put("Transfer-Encoding: chunked\r\n"), 400, then: .cut),
            WireCase("within a chunk's size", put("Transfer-Encoding: chunked\r\n", "3"), 400, then: .cut),
            WireCase("within a chunk's extension", put("Transfer-Encoding: chunked\r\n", "3;a"), 400, then: .cut),
            WireCase("within a chunk", put("Transfer-Encoding: chunked\r\n", "3\r\nab"), 400, then: .cut),
            WireCase("between chunks", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"), 400, then: .cut),
            WireCase("before the last line", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n"), 400, then: .cut),
            WireCase("within a trailer", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nA: b"), 400, then: .cut),
            WireCase("after the last line", put("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"), 200, then: .cut, body: "abc"),
        ])
}
