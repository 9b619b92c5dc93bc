import Testing

@testable import HTTPServer

@Suite struct ChunkDecoderTests {
    /// Decodes bytes that arrive `step` at a time; what is left over is returned too.
    private func decode(_ text: String, step: Int) throws -> (data: String, rest: Int, isDone: Bool) {
        var decoder = ChunkDecoder()
        var data: [UInt8] = []
        var unread: [UInt8] = []
        var incoming = Array(text.utf8)[...]
        while !decoder.isDone, !incoming.isEmpty {
            unread += incoming.prefix(step)
            incoming = incoming.dropFirst(step)
            while !unread.isEmpty, !decoder.isDone {
                let framing = try unread.withUnsafeBytes { try decoder.readFraming($0) }
                unread.removeFirst(framing)
                let moved = min(decoder.pendingData, unread.count)
                guard moved > 0 else { continue }
                data += unread.prefix(moved)
                unread.removeFirst(moved)
                decoder.moved(moved)
            }
        }
        return (String(decoding: data, as: UTF8.self), unread.count + incoming.count, decoder.isDone)
    }

    @Test(arguments: 1...40) func theSameDataComesOutHoweverItArrives(step: Int) throws {
        let result = try decode("3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\nA: b\r\nC:\r\n\r\nGET", step: step)
        #expect(result == ("abc0123456789", 3, true))
    }

    @Test func aBodyIsNotDoneBeforeItsLastByte() throws {
        let text = "1\r\na\r\n0\r\n\r\n"
        for length in 0..<text.utf8.count {
            #expect(try !decode(String(decoding: text.utf8.prefix(length), as: UTF8.self), step: 1).isDone)
        }
    }

    @Test func theLargestSizeIsTakenAndTheNextRefused() throws {
        var decoder = ChunkDecoder()
        _ = try Array("7fffffffffffffff\r\n".utf8).withUnsafeBytes { try decoder.readFraming($0) }
        #expect(decoder.pendingData == .max)
        #expect(throws: HTTPError.self) { try decode("8000000000000000\r\n", step: 4) }
    }
}
