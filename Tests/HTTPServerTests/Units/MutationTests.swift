import HTTPTypes
import Testing

@testable import HTTPServer

/// Valid input with some bytes changed, many times: each is understood or refused, and none does harm.
@Suite struct MutationTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 33)
        }
    }

    /// Bytes that mean something to HTTP, and some that never do.
    private let alphabet = Array("\r\n\t \0:;,/?%#*aF09+-\u{7F}".utf8) + [0x80, 0xFF]

    private func mutations(of text: String, seed: UInt64) -> some Sequence<[UInt8]> {
        var generator = Generator(state: seed)
        return (0..<5_000).lazy.map { _ in
            var bytes = Array(text.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = alphabet.randomElement(using: &generator)!
                case 1: bytes.insert(alphabet.randomElement(using: &generator)!, at: index)
                default: bytes.removeSubrange(index..<min(index + 3, bytes.count - 1))
                }
            }
            return bytes
        }
    }

    @Test(arguments: [
        "PUT /a%2Fb/c?d=e&f HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 10\r\nExpect: 100-continue\r\nConnection: close, x\r\n\r\n",
        "GET http://host:1/x?y HTTP/1.0\r\nHost: b\r\nTransfer-Encoding: gzip, chunked\r\nA: b\r\n\r\n",
    ]) func headsAreUnderstoodOrRefused(_ text: String) throws {
        for bytes in mutations(of: text, seed: 1) {
            do {
                try bytes.withUnsafeBytes { bytes in
                    var scanner = HeadScanner(limits: HeadLimits())
                    guard let length = try scanner.scan(bytes) else { return }
                    let head = try HeadParser.parse(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
                    #expect(head.fields.allSatisfy { Set($0.value.utf8).isDisjoint(with: [0, 10, 13]) })
                    #expect(head.target.pathSegments.allSatisfy { !$0.utf8.contains(0) })
                }
            } catch let error as HTTPError {
                #expect(error.closesConnection)
            }
        }
    }

    @Test func chunksAreUnderstoodOrRefused() throws {
        for bytes in mutations(of: "5;x=y\r\nabcde\r\n1a\r\n01234567890123456789012345\r\n0\r\nA: b\r\n\r\n", seed: 2) {
            var decoder = ChunkDecoder()
            var rest = bytes[...]
            do {
                while !rest.isEmpty, !decoder.isDone {
                    rest = rest.dropFirst(try rest.withUnsafeBytes { try decoder.readFraming($0) })
                    let moved = min(decoder.pendingData, rest.count)
                    if moved > 0 { decoder.moved(moved) }
                    rest = rest.dropFirst(moved)
                }
            } catch let error as HTTPError {
                #expect(error.closesConnection)
            }
        }
    }
}
