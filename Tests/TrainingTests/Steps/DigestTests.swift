import Crypto
import Dispatch
import Memory
import Testing

@testable import Training

/// What bodies and answers are known again by.
struct DigestTests {
    @Test(arguments: [0, 1, 100_000, 5_000_000])
    func aBodyHasItsSHA256WhoeverComputesIt(_ count: Int) {
        let body = buffer((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167) })
        let expected = Array(SHA256.hash(data: Array(body.bytes)))
        let threads = WorkerThreads(maximum: 1)
        #expect(BodyDigest(of: body, on: threads).value == expected)

        // The only thread is taken until the digest is there.
        let isComputed = DispatchSemaphore(value: 0)
        threads.run { isComputed.wait() }
        let digest = BodyDigest(of: body, on: threads)
        #expect(digest.value == expected)
        isComputed.signal()
        #expect(digest.value == expected)
    }

    @Test func itIsOneValueForAllWhoAsk() async {
        let body = buffer((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) })
        let expected = Array(SHA256.hash(data: Array(body.bytes)))
        let threads = WorkerThreads()
        let digest = BodyDigest(of: body, on: threads)
        let values = await withTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<8 { group.addTask(executorPreference: threads) { digest.value } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(values == Array(repeating: expected, count: 8))
    }

    /// The tag of no bytes is that of the first test case of the GCM specification (McGrew and Viega, 2004).
    @Test func anAnswersDigestIsThatOfItsTag() {
        let tag: [UInt8] = [0x58, 0xE2, 0xFC, 0xCE, 0xFA, 0x7E, 0x30, 0x61, 0x36, 0x7F, 0x1D, 0x57, 0xA4, 0xE7, 0x45, 0x5A]
        #expect([UInt8]().withUnsafeBytes(AnswerDigest.gmac.compute) == Array(SHA256.hash(data: tag)))
        #expect([UInt8]().withUnsafeBytes(AnswerDigest.sha256.compute) == Array(SHA256.hash(data: [])))
    }

    @Test(arguments: [0, 15, 16, 4_999, 99_999])
    func anAnswersDigestTellsOneBit(_ index: Int) {
        var bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let before = bytes.withUnsafeBytes(AnswerDigest.gmac.compute)
        bytes[index] ^= 0x10
        let after = bytes.withUnsafeBytes(AnswerDigest.gmac.compute)
        #expect(after != before)
        #expect((bytes + [0]).withUnsafeBytes(AnswerDigest.gmac.compute) != after)
    }
}
