import Foundation
import Testing

/// What the server answers to bytes, however they are cut on their way.
@Suite struct WireTests {
    @Test(arguments: WireCase.all) func bytesSentWholeAreAnswered(_ test: WireCase) async throws {
        try await check(test, portions: [test.bytes])
    }

    @Test(arguments: WireCase.all) func bytesSentOneAtATimeAreAnsweredTheSame(_ test: WireCase) async throws {
        try await check(test, portions: test.bytes.map { [$0] })
    }

    /// Cut after each CR, the place where a parser's state matters most, with a pause so that the halves arrive apart.
    @Test(arguments: WireCase.all) func bytesCutWithinLineEndsAreAnsweredTheSame(_ test: WireCase) async throws {
        var portions: [[UInt8]] = [[]]
        for byte in test.bytes {
            portions[portions.count - 1].append(byte)
            if byte == 0x0D && portions.count < 20 { portions.append([]) }
        }
        try await check(test, portions: portions, pause: 500)
    }

    private func check(_ test: WireCase, portions: [[UInt8]], pause: UInt32 = 0) async throws {
        try await withServer { port, _ in
            try await onThread {
                let client = try RawClient(port: port)
                for portion in portions {
                    try client.send(portion)
                    if pause > 0 { usleep(pause) }
                }
                var last: RawClient.Answer?
                for status in test.statuses {
                    last = try client.answer()
                    #expect(last?.status == status)
                }
                if let body = test.body { #expect(last?.text == body) }
                if let status = last?.status, status >= 400 { #expect(last?["Content-Type"] == "application/problem+json") }
                switch test.fate {
                case .open:
                    #expect(last?["Connection"] != "close")
                    try client.send("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    #expect(try client.answer().text == "ok")
                case .closed:
                    #expect(last?["Connection"] == "close")
                }
                client.finishWriting()
                #expect(try client.isAtEnd())
            }
        }
    }
}
