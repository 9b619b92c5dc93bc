/// A tensor inside a file in memory. It points at the file's bytes and holds nothing of them.
///
/// The format aligns nothing but the beginning of the data: `bytes` may begin at any address, also one at which loading a `Float` traps.
/// Read it with `loadUnaligned`, copy it, or ask ``isAligned`` first.
///
/// Sendable on the terms of ``SafetensorsFile``: the memory stays, and nobody writes to it, while a view of it is in use.
public struct TensorView: @unchecked Sendable {
    /// Name, type and shape.
    public let spec: TensorSpec
    /// The elements, little-endian, row-major, without padding; exactly as many as the shape says.
    public let bytes: UnsafeRawBufferPointer
    /// Where the tensor begins, in bytes from the beginning of the file.
    public let byteOffset: Int

    /// The tensor's name.
    public var name: TensorName { spec.name }
    /// The type of its elements.
    public var dtype: DType { spec.dtype }
    /// Its dimensions, the slowest first; empty for a scalar.
    public var shape: [Int] { spec.shape }
    /// How many elements it has: the product of the dimensions, 1 for a scalar.
    public var elementCount: Int { bytes.count / dtype.byteCount }

    /// Whether the bytes begin at a multiple of the element's size, so that they can be bound to its type.
    public var isAligned: Bool {
        UInt(bitPattern: bytes.baseAddress) % UInt(dtype.byteCount) == 0
    }
}
