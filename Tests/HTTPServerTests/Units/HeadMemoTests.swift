import Testing

@testable import HTTPServer

/// A head that is remembered is the head that would be parsed.
@Suite struct HeadMemoTests {
    private static func get(_ path: String, padding: Int = 0) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nHost: a\r\nX-Padding: \(String(repeating: "x", count: padding))\r\n\r\n".utf8)
    }

    @Test(arguments: [0, 2_000]) func headsAreWhatTheirBytesSayWhateverCameBefore(padding: Int) throws {
        var memo = HeadMemo()
        // The same again, others of the same length, of another, and the first once more.
        for path in ["/v1", "/v1", "/v2", "/v1", "/v1/runs", "/v1/runs", "/v1"] {
            let bytes = HeadMemoTests.get(path, padding: padding)
            let (remembered, parsed) = try bytes.withUnsafeBytes { bytes in (try memo.parse(bytes), try HeadParser.parse(bytes)) }
            #expect(remembered == parsed)
            #expect(remembered.target.raw == Array(path.utf8))
        }
    }

    @Test func whatCannotBeParsedIsRefusedEachTimeAndForgetsNothing() throws {
        var memo = HeadMemo()
        let good = HeadMemoTests.get("/v1")
        let bad = Array("GET /v1 HTTP/1.1\r\nHost : a\r\nX-Padding: \r\n\r".utf8)
        for _ in 0..<2 {
            _ = try good.withUnsafeBytes { try memo.parse($0) }
            #expect(throws: HTTPError.self) { _ = try bad.withUnsafeBytes { try memo.parse($0) } }
        }
    }
}
