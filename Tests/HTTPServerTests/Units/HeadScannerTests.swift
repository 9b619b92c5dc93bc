import HTTPTypes
import Testing

@testable import HTTPServer

@Suite struct HeadScannerTests {
    private let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func theEndIsFoundHoweverBytesArrive() throws {
        let bytes = Array((head + "rest").utf8)
        for step in 1...bytes.count {
            var scanner = HeadScanner(limits: HeadLimits())
            var found: Int?
            for end in stride(from: step, through: bytes.count, by: step) where found == nil {
                found = try bytes[..<end].withUnsafeBytes { try scanner.scan($0) }
            }
            if found == nil { found = try bytes.withUnsafeBytes { try scanner.scan($0) } }
            #expect(found == head.utf8.count)
        }
    }

    /// The request line is 14 bytes, the whole 27 with one field.
    @Test(arguments: [(27, 14, 1, 200), (26, 14, 1, 431), (27, 13, 1, 414), (27, 14, 0, 431)])
    func limitsAreExact(bytes: Int, requestLine: Int, fields: Int, status: Int) throws {
        var scanner = HeadScanner(limits: HeadLimits(bytes: bytes, requestLineBytes: requestLine, fields: fields))
        var found = 200
        do {
            let length = try Array(head.utf8).withUnsafeBytes { try scanner.scan($0) }
            #expect(length == 27)
        } catch let error as HTTPError {
            found = error.status.code
        }
        #expect(found == status)
    }
}
