/// What stands before the elements in a NumPy `.npy` file, version 1.0: magic, version, length, and a Python dictionary with the type
/// and the shape, little-endian, C order, padded so that the elements begin at a multiple of 64 bytes.
///
/// Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
public struct NPYHeader: Sendable {
    /// The bytes; the elements follow, exactly as they lie in a safetensors file.
    public let bytes: [UInt8]

    /// The header of an array; nil when NumPy has no such type (BF16, F8), or when the shape is too long for version 1.0 (65,535 bytes of
    /// header, far more dimensions than NumPy takes).
    public init?(dtype: DType, shape: [Int]) {
        guard let descriptor = NPYHeader.descriptor(of: dtype) else { return nil }
        // A tuple of one element keeps its comma, or it would be a number in parentheses.
        let dimensions = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
        let text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(dimensions)), }"
        let magic = Array("\u{93}NUMPY".unicodeScalars.map { UInt8($0.value) }) + [1, 0]
        let unpadded = magic.count + 2 + text.utf8.count + 1
        let total = (unpadded + 63) / 64 * 64
        guard let length = UInt16(exactly: total - magic.count - 2) else { return nil }
        let padding = repeatElement(UInt8(ascii: " "), count: total - unpadded)
        bytes = magic + withUnsafeBytes(of: length.littleEndian, Array.init) + Array(text.utf8) + padding + [UInt8(ascii: "\n")]
    }

    /// NumPy's name of a type: byte order, kind and size.
    private static func descriptor(of dtype: DType) -> String? {
        switch dtype {
        case .f64, .f32, .f16: "<f\(dtype.byteCount)"
        case .i64, .i32, .i16: "<i\(dtype.byteCount)"
        case .u64, .u32, .u16: "<u\(dtype.byteCount)"
        case .i8: "|i1"
        case .u8: "|u1"
        case .bool: "|b1"
        case .bf16, .f8e4m3, .f8e5m2: nil
        }
    }
}
