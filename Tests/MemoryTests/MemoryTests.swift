import Memory
import Testing

@Suite struct BufferPoolTests {
    @Test func aBufferIsAlignedAndHasItsSize() {
        let pool = BufferPool(maximumIdleBytes: 1 << 20)
        for count in [0, 1, 1000, 300_000] {
            let buffer = pool.take(count: count)
            #expect(buffer.count == count && buffer.bytes.count == count)
            #expect(UInt(bitPattern: buffer.mutableBytes.baseAddress) % UInt(AlignedBuffer.alignment) == 0)
        }
    }

    @Test func freedMemoryIsUsedAgain() {
        let pool = BufferPool(maximumIdleBytes: 4 << 20)
        var buffer: AlignedBuffer? = pool.take(count: 1 << 20)
        let address = buffer?.bytes.baseAddress
        buffer = nil
        #expect(pool.idleByteCount == 1 << 20)
        let again = pool.take(count: 1_000_000)
        #expect(again.bytes.baseAddress == address)
        #expect(again.count == 1_000_000 && pool.idleByteCount == 0)
    }

    @Test func aMuchLargerBlockIsNotSpentOnASmallRequest() {
        let pool = BufferPool(maximumIdleBytes: 8 << 20)
        _ = pool.take(count: 4 << 20)
        _ = pool.take(count: 1 << 20)
        #expect(pool.idleByteCount == 5 << 20)
    }

    @Test func idleMemoryIsBounded() {
        let pool = BufferPool(maximumIdleBytes: 1 << 20)
        var buffers = (0..<4).map { _ in pool.take(count: 512 << 10) }
        buffers.removeAll()
        #expect(pool.idleByteCount <= 1 << 20)
    }
}
