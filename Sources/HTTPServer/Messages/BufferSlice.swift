public import Memory

/// A range of a buffer's bytes, which keeps the buffer alive.
public struct BufferSlice: Sendable {
    public let buffer: AlignedBuffer
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

    public var count: Int { range.count }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer.bytes[range]) }
}
