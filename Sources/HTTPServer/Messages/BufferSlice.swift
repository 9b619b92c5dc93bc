public import Memory

/// A range of a buffer's bytes, which keeps the buffer alive.
public struct BufferSlice: Sendable {
    /// The memory, which it keeps alive.
    public let buffer: AlignedBuffer
    /// Which of its bytes.
    public let range: Range<Int>

    /// - Precondition: `range` lies within the buffer.
    public init(_ buffer: AlignedBuffer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count)
        self.buffer = buffer
        self.range = range
    }

    /// The whole buffer.
    public init(_ buffer: AlignedBuffer) {
        self.init(buffer, 0..<buffer.count)
    }

    /// Bytes.
    public var count: Int { range.count }

    /// The slices of a range of the bytes that these make, one after the other.
    public static func selecting(_ range: Range<Int>, of slices: [BufferSlice]) -> [BufferSlice] {
        var start = 0
        return slices.compactMap { slice in
            let wanted = range.clamped(to: start..<start + slice.count)
            let offset = slice.range.lowerBound - start
            start += slice.count
            return wanted.isEmpty ? nil : BufferSlice(slice.buffer, wanted.lowerBound + offset..<wanted.upperBound + offset)
        }
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer.bytes[range]) }
}
