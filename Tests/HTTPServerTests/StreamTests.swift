import HTTPServer
import HTTPTypes
import Testing

extension ServerTests {
    /// Bodies that are made while they are sent.
    @Suite struct StreamTests {
        @Test func aStreamOfUnknownLengthIsChunked() async throws {
            let answers = try await ask(length: nil, pieces: ["ab", "", "cde"], "HTTP/1.1\r\nHost: a")
            #expect(answers.first?["Transfer-Encoding"] == "chunked")
            #expect(answers.map(\.text) == ["abcde", "abcde"])
        }

        @Test func forHTTP10AStreamOfUnknownLengthEndsWithTheConnection() async throws {
            let answers = try await ask(length: nil, pieces: ["ab", "cde"], "HTTP/1.0\r\nConnection: keep-alive", count: 1)
            #expect(answers.first?["Transfer-Encoding"] == nil)
            #expect(answers.first?["Connection"] == "close")
            #expect(answers.first?.text == "abcde")
        }

        @Test func aStreamOfKnownLengthIsDelimitedByIt() async throws {
            let answers = try await ask(length: 5, pieces: ["ab", "cde"], "HTTP/1.1\r\nHost: a")
            #expect(answers.first?["Content-Length"] == "5")
            #expect(answers.map(\.text) == ["abcde", "abcde"])
        }

        @Test(arguments: [4, 6]) func aStreamOfAnotherLengthThanAnnouncedEndsTheConnection(length: Int) async throws {
            let failure = await #expect(throws: RawClient.Failure.self) {
                try await ask(length: length, pieces: ["ab", "cde"], "HTTP/1.1\r\nHost: a")
            }
            #expect(failure?.reason.contains("the connection ended within") == true)
        }

        @Test func aStreamThatFailsIsCutOff() async throws {
            let failure = await #expect(throws: RawClient.Failure.self) {
                try await ask(length: nil, pieces: ["ab", nil], "HTTP/1.1\r\nHost: a")
            }
            #expect(failure?.reason.contains("the connection ended within") == true)
        }

        /// Asks for the same stream several times on one connection; a nil piece is a failure.
        @discardableResult
        private func ask(length: Int?, pieces: [String?], _ request: String, count: Int = 2) async throws -> [RawClient.Answer] {
            let handler = Answering { _ in
                let source = Pieces(pieces)
                return Response(status: .ok, body: .stream(length: length) { try await source.next() })
            }
            return try await withServer(handler) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    for _ in 0..<count { try client.send("GET / \(request)\r\n\r\n") }
                    return try (0..<count).map { _ in try client.answer() }
                }
            }
        }
    }
}
