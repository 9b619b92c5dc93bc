/// A safetensors file in memory, checked from end to end: a header of names, types, shapes and places, and views of the tensors.
///
/// Nothing is copied. The views point into the memory that the file was made from, which must stay, unchanged, as long as the file or
/// one of its views is in use; on these terms both are Sendable. The elements themselves are not looked at.
///
/// The reader takes what the format defines and nothing else: tensors cover the data completely and without overlap, so that a file has
/// one meaning for every reader. It never traps, whatever the bytes.
///
/// Format: <https://huggingface.co/docs/safetensors/index#format>.
public struct SafetensorsFile: @unchecked Sendable {
    /// The longest header, in bytes, that the format allows.
    public static let maximumHeaderByteCount = 100_000_000

    /// The free text of `__metadata__`, in the header's order; no key is there twice, counted by bytes.
    public let metadata: [(key: String, value: String)]
    /// The tensors in the order of their data; empty ones at the same place in the order of the header.
    public let tensors: [TensorView]
    private let positions: [TensorName: Int]

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - bytes: The whole file.
    ///   - maximumHeaderByteCount: The longest header to read. Reading takes up to 25 times its size in memory, so a server that knows its
    ///     models allows less than the format does.
    ///   - maximumNameByteCount: The longest name of a tensor, in bytes of UTF-8.
    /// - Complexity: O(header + n log n) for n tensors, whatever the size of the data.
    public init(
        _ bytes: UnsafeRawBufferPointer,
        maximumHeaderByteCount: Int = SafetensorsFile.maximumHeaderByteCount,
        maximumNameByteCount: Int = TensorName.maximumByteCount
    ) throws(SafetensorsError) {
        let text = try SafetensorsHeader.text(in: bytes, maximumByteCount: maximumHeaderByteCount)
        let header = try SafetensorsHeader(parsing: text, maximumNameByteCount: maximumNameByteCount)
        let dataOffset = SafetensorsHeader.prefixByteCount + text.count
        let data = UnsafeRawBufferPointer(rebasing: bytes[dataOffset...])
        metadata = header.metadata
        tensors = try header.entriesCovering(dataByteCount: data.count).map { entry in
            let elements = UnsafeRawBufferPointer(rebasing: data[entry.range])
            return TensorView(spec: entry.spec, bytes: elements, byteOffset: dataOffset + entry.range.lowerBound)
        }
        positions = Dictionary(uniqueKeysWithValues: zip(tensors.map(\.name), tensors.indices))
    }

    /// The tensor of a name.
    ///
    /// - Complexity: O(1) on average.
    public subscript(name: TensorName) -> TensorView? {
        positions[name].map { tensors[$0] }
    }

    /// The metadata of a key, which is compared by bytes.
    ///
    /// - Complexity: O(number of keys).
    public func metadata(_ key: String) -> String? {
        metadata.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }
}
