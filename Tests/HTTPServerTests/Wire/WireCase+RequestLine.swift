/// The request line: methods, targets and versions.
extension WireCase {
    static let requestLines: [WireCase] = [
        lines, methods, originForm, decoding, absoluteForm, otherForms, versions,
    ].flatMap { $0 }

    private static let lines = rfc(
        "9112 section 3, the line's form",
        [
            WireCase("plain", get("/ok"), 200, then: .open, body: "ok"),
            WireCase("no method", " /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("empty target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("two spaces after the method", "GET  /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("two spaces before the version", "GET /ok  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("tab for space", "GET\t/ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("vertical tab for space", "GET\u{0B}/ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("bare CR for space", "GET\r/ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("no-break space for space", "GET\u{A0}/ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("space in the target", "GET /o k HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("space at the end", "GET /ok HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
            WireCase("bare CR at the end", "GET /ok HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
            WireCase("LF alone at the end", "GET /ok HTTP/1.1\nHost: a\r\n\r\n", 400),
            WireCase("LF alone everywhere", "GET /ok HTTP/1.1\nHost: a\n\n", 400),
            WireCase("NUL in the target", "GET /o\0k HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("NUL before the method", "\0GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("byte order mark", "\u{FEFF}GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("TLS", bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01], [400]),
            WireCase("longest line", get("/ok?\(padding(8_192 - 17))"), 200, then: .open, body: "ok"),
            WireCase("line too long by one", get("/ok?\(padding(8_193 - 17))"), 414),
            WireCase("line too long that ends in LF alone", "GET /ok?\(padding(8_193 - 17)) HTTP/1.1\nHost: a\r\n\r\n", 414),
            WireCase("line that never ends", "GET /\(padding(20_000))", 414),
            WireCase("long method", "\(padding(8_200)) /ok HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ])

    private static let methods = rfc(
        "9110 section 9, methods, and 15.5.6, Allow",
        [
            WireCase("POST where only GET is", "POST /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open, with: ["Allow": "GET, HEAD"]),
            WireCase("GET where only PUT is", get("/echo"), 405, then: .open, with: ["Allow": "PUT"]),
            WireCase("OPTIONS is a method like any other", "OPTIONS /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open),
            WireCase("TRACE is not there", "TRACE /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open, with: ["Allow": "GET, HEAD"]),
            WireCase(
                "unknown method", "\(padding(300)) /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open, with: ["Allow": "GET, HEAD"]),
            WireCase("method of every other token byte", "!#$%&'*+-.^_`|~09 /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open),
            WireCase("unknown method on no resource", "BREW /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404, then: .open),
            WireCase("methods are case-sensitive", "get /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open),
            WireCase("method that is no token", "G(T /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("method in full-width letters", "ＧＥＴ /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("method with a combining accent", "GET\u{301} /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("CONNECT", "CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", 405),
        ])

    private static let originForm = rfc(
        "9112 section 3.2.1, origin form",
        [
            WireCase("query", get("/query?a=1&b=%26%3d&a=+&&c"), 200, then: .open, body: "a=1|b=&=|a=+|c="),
            WireCase("question marks and slashes in a query", get("/query?a=/?b"), 200, then: .open, body: "a=/?b"),
            WireCase("empty query", get("/query?"), 200, then: .open, body: ""),
            WireCase("empty placeholder", get("/names//end"), 404, then: .open),
            WireCase("trailing slash", get("/ok/"), 404, then: .open),
            WireCase("double slash", get("//ok"), 404, then: .open),
            WireCase("dots are no steps", get("/names/../ok"), 404, then: .open),
            WireCase(
                "what browsers leave as it is", get("/names/[a]|b{c}\"d\"\\e^`<f>/end"), 200, then: .open, body: "[a]|b{c}\"d\"\\e^`<f>"),
            WireCase("no slash", get("ok"), 400),
            WireCase("fragment", get("/ok#a"), 400),
            WireCase("byte above ASCII", get("/ü"), 400),
            WireCase("DEL", get("/\u{7F}"), 400),
        ])

    private static let decoding = rfc(
        "3986 section 2.1, percent-encoding",
        [
            WireCase("encoded slash is part of the name", get("/names/a%2Fb/end"), 200, then: .open, body: "a/b"),
            WireCase("decoded once", get("/names/a%252Fb/end"), 200, then: .open, body: "a%2Fb"),
            WireCase("line end", get("/names/a%0d%0Ab/end"), 200, then: .open, body: "a\r\nb"),
            WireCase("encoded question mark", get("/names/a%3Fb/end"), 200, then: .open, body: "a?b"),
            WireCase("UTF-8", get("/names/%C3%BC%F0%9F%90%91/end"), 200, then: .open, body: "ü🐑"),
            WireCase("dots are names", get("/names/%2e%2e/end"), 200, then: .open, body: ".."),
            WireCase("encoded letters of a literal", get("/%6Fk"), 200, then: .open, body: "ok"),
            WireCase("composed letter", get("/%C3%BC"), 200, then: .open, body: "composed"),
            WireCase("canonical equivalent of another name", get("/u%CC%88"), 404, then: .open),
            WireCase("no digits", get("/names/%/end"), 400),
            WireCase("one digit", get("/names/%4/end"), 400),
            WireCase("no hexadecimal digits", get("/names/%zz/end"), 400),
            WireCase("sign for a digit", get("/names/%+1/end"), 400),
            WireCase("full-width digits", bytes: Array("GET /names/%".utf8) + [0xEF, 0xBC, 0x94] + Array(get("/end").utf8), [400]),
            WireCase("cut at the end", get("/ok?a=%4"), 400),
            WireCase("no digits in a query", get("/query?a=%zz"), 400),
            WireCase("no digits in a query's name", get("/query?%zz=a"), 400),
            WireCase("NUL", get("/names/%00/end"), 400),
            WireCase("no UTF-8", get("/names/%FF/end"), 400),
            WireCase("overlong UTF-8", get("/names/%C0%AF/end"), 400),
            WireCase("surrogate", get("/names/%ED%A0%80/end"), 400),
            WireCase("beyond Unicode", get("/names/%F4%90%80%80/end"), 400),
        ])

    private static let absoluteForm = rfc(
        "9112 section 3.2.2, absolute form",
        [
            WireCase("with a port", get("http://b:80/ok"), 200, then: .open, body: "ok"),
            WireCase("in capitals, with a query", get("HTTP://[::1]/query?x=y"), 200, then: .open, body: "x=y"),
            WireCase("https", get("https://b/ok"), 200, then: .open, body: "ok"),
            WireCase("without path", get("http://b"), 404, then: .open),
            WireCase("without path, with a query", get("http://b?x"), 404, then: .open),
            WireCase("its host wins, Host must still be there", "GET http://b/ok HTTP/1.1\r\n\r\n", 400),
            WireCase("without host", get("http:///ok"), 400),
            WireCase("with a port only", get("http://:80/ok"), 400),
            WireCase("with a port of letters", get("http://b:x/ok"), 400),
            WireCase("with two ports", get("http://b:80:80/ok"), 400),
            WireCase("with user information", get("http://u@b/ok"), 400),
            WireCase("with one slash", get("http:/b/ok"), 400),
            WireCase("of another scheme", get("ftp://b/ok"), 400),
        ])

    private static let otherForms = rfc(
        "9112 sections 3.2.3 and 3.2.4, authority and asterisk form",
        [
            WireCase("authority for GET", get("b:80"), 400),
            WireCase("path for CONNECT", "CONNECT /ok HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            WireCase(
                "asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, then: .open, with: ["Allow": "GET, HEAD, PUT"]),
            WireCase("asterisk for GET", get("*"), 400),
            WireCase("asterisk with a query", "OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("two asterisks", "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ])

    private static let versions = rfc(
        "9112 section 2.3 and 9110 section 2.5, versions",
        [
            WireCase("HTTP/0.9", "GET /ok\r\n\r\n", 400),
            WireCase("later minor version", "GET /ok HTTP/1.9\r\nHost: a\r\n\r\n", 200, then: .open),
            WireCase("HTTP/2.0", "GET /ok HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            WireCase("preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            WireCase("HTTP/3.1", "GET /ok HTTP/3.1\r\nHost: a\r\n\r\n", 505),
            WireCase("HTTP/0.9 written out", "GET /ok HTTP/0.9\r\nHost: a\r\n\r\n", 505),
            WireCase("small letters", "GET /ok http/1.1\r\nHost: a\r\n\r\n", 400),
            WireCase("two digits", "GET /ok HTTP/1.10\r\nHost: a\r\n\r\n", 400),
            WireCase("leading zero", "GET /ok HTTP/01.1\r\nHost: a\r\n\r\n", 400),
            WireCase("no minor version", "GET /ok HTTP/1\r\nHost: a\r\n\r\n", 400),
            WireCase("comma for the point", "GET /ok HTTP/1,1\r\nHost: a\r\n\r\n", 400),
            WireCase("Arabic digits", "GET /ok HTTP/١.١\r\nHost: a\r\n\r\n", 400),
            WireCase("another protocol", "GET /ok RTSP/1.0\r\nHost: a\r\n\r\n", 400),
        ])
}
