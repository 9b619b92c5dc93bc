import Foundation
import Testing

extension ServerTests {
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
            let deviations = try await withServer { port, _ in
                try await onThread { try HTTPServerTests.deviations(of: test, portions: portions, pause: pause, port: port) }
            }
            #expect(deviations == [])
        }
    }
}

/// Plays a case and says what was not as it should be.
func deviations(of test: WireCase, portions: [[UInt8]], pause: UInt32, port: Int) throws -> [String] {
    let client = try RawClient(port: port)
    for portion in portions {
        try client.send(portion)
        if pause > 0 { usleep(pause) }
    }
    var deviations: [String] = []
    let answers = try test.statuses.map { _ in try client.answer() }
    if answers.map(\.status) != test.statuses { deviations.append("statuses \(answers.map(\.status)): \(answers.map(\.text))") }
    if answers.contains(where: { $0.status >= 400 && $0["Content-Type"] != "application/problem+json" }) {
        deviations.append("an error without problem details")
    }
    let last = answers.last
    if let body = test.body, last?.text != body { deviations.append("body \(last?.text ?? "")") }
    if (last?["Connection"] == "close") != (test.fate == .closed) { deviations.append("Connection: \(last?["Connection"] ?? "")") }
    if test.fate == .open {
        try client.send("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        if try client.answer().text != "ok" { deviations.append("the next request is not understood") }
    }
    client.finishWriting()
    if try !client.isAtEnd() { deviations.append("more than the answers") }
    return deviations
}
