import HTTPTypes
import Testing

@testable import HTTPServer

@Suite struct HeadParserTests {
    private func parse(_ text: String) throws -> RequestHead {
        try Array(text.utf8).withUnsafeBytes { try HeadParser.parse($0) }
    }

    @Test func aHeadIsTakenApart() throws {
        let head = try parse(
            "PATCH /a%20b/c?x=%2B HTTP/1.1\r\nHost: h\r\nX-One:  1\t\r\nx-one: 2\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n")
        #expect(head.method == .patch)
        #expect(head.target.raw == Array("/a%20b/c?x=%2B".utf8))
        #expect(head.target.pathSegments == ["a b", "c"])
        #expect(head.target.queryItems.map(\.value) == ["+"])
        #expect(head.fields[values: HTTPField.Name("X-One")!] == ["1", "2"])
        #expect(head.framing == .length(12))
        #expect(head.expectsContinue)
        #expect(head.persists)
    }

    /// Composed and decomposed ü are equal as strings, and different names.
    @Test func segmentsKeepTheirBytes() throws {
        let composed = try parse("GET /%C3%BC HTTP/1.1\r\nHost: h\r\n\r\n").target.pathSegments[0]
        let decomposed = try parse("GET /u%CC%88 HTTP/1.1\r\nHost: h\r\n\r\n").target.pathSegments[0]
        #expect(Array(composed.utf8) == [0xC3, 0xBC])
        #expect(Array(decomposed.utf8) == [0x75, 0xCC, 0x88])
    }

    @Test(arguments: ["", "a", "a.b-c_d~e", "1.2.3.4:80", "[::1]", "[::ffff:1.2.3.4]", "[v1.x:y]:8", "a:", "%41"])
    func theseAreAuthorities(_ text: String) {
        #expect(Authority.isValid(text.utf8))
    }

    @Test(arguments: [
        "a/b", "a b", "a@b", "a:b", "a:1:2", "[::1", "[]", "[::g]", "[1.2.3.4]", "[v.x]", "[v1.]", "[::1%25lo]", "[::1]x", "a%4", "a,b\"",
        "a\\b", "ü",
    ])
    func theseAreNoAuthorities(_ text: String) {
        #expect(!Authority.isValid(text.utf8))
    }

    @Test func theDateIsOfTheFixedForm() {
        #expect(DateField.format(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }
}
