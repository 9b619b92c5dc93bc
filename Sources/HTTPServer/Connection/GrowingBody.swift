import Memory

/// A body of unknown length, gathered in ever larger buffers and copied into one at the end.
struct GrowingBody {
    /// As much as a client can hold by announcing a chunk and sending nothing of it.
    private static let smallestBuffer = 16 << 10
    private static let largestBuffer = 16 << 20

    private let pool: BufferPool
    private var full: [AlignedBuffer] = []
    private var current = AlignedBuffer(count: 0)
    private var filled = 0

    init(pool: BufferPool) {
        self.pool = pool
    }

    /// Bytes so far.
    private(set) var count = 0
    /// Bytes of memory that it has taken.
    private(set) var allocated = 0

    /// Room for the next bytes, never empty.
    mutating func space() -> UnsafeMutableRawBufferPointer {
        if filled == current.count {
            full.append(current)
            current = pool.take(count: min(max(count, GrowingBody.smallestBuffer), GrowingBody.largestBuffer))
            filled = 0
            allocated += current.count
        }
        return UnsafeMutableRawBufferPointer(rebasing: current.mutableBytes[filled...])
    }

    /// Notes that `count` bytes have been put into ``space()``.
    mutating func filled(_ count: Int) {
        filled += count
        self.count += count
    }

    /// One buffer of exactly the bytes so far.
    func joined() -> AlignedBuffer {
        let whole = pool.take(count: count)
        var offset = 0
        for part in full + [current] {
            let bytes = part.bytes.prefix(count - offset)
            UnsafeMutableRawBufferPointer(rebasing: whole.mutableBytes[offset...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes))
            offset += bytes.count
        }
        return whole
    }
}
