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

    /// Everything before the data, read and checked: a later file that has the same need not have it read again.
    public let header: Header
    /// The tensors in the order of their data; empty ones at the same place in the order of the header.
    public let tensors: [TensorView]

    /// The free text of `__metadata__`, in the header's order; no key is there twice, counted by bytes.
    public var metadata: [(key: String, value: String)] { header.metadata }

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - bytes: The whole file.
    ///   - maximumHeaderByteCount: The longest header to read. Reading takes up to 25 times its size in memory, so a server that knows its
    ///     models allows less than the format does.
    ///   - maximumNameByteCount: The longest name of a tensor, in bytes of UTF-8.
    ///   - known: The header of an earlier file, perhaps the same, which is then taken over.
    /// - Complexity: O(header + n log n) for n tensors, whatever the size of the data; of a known header, a comparison of its bytes and O(n).
    public init(
        _ bytes: UnsafeRawBufferPointer,
        maximumHeaderByteCount: Int = SafetensorsFile.maximumHeaderByteCount,
        maximumNameByteCount: Int = TensorName.maximumByteCount,
        known: Header? = nil
    ) throws(SafetensorsError) {
        let text = try SafetensorsHeader.text(in: bytes, maximumByteCount: maximumHeaderByteCount)
        let dataOffset = SafetensorsHeader.prefixByteCount + text.count
        let data = UnsafeRawBufferPointer(rebasing: bytes[dataOffset...])
        let header: Header
        if let known, known.isThat(of: text, dataByteCount: data.count, maximumNameByteCount: maximumNameByteCount) {
            header = known
        } else {
            header = try Header(reading: text, dataByteCount: data.count, maximumNameByteCount: maximumNameByteCount)
        }
        self.header = header
        tensors = header.entries.map { entry in
            let elements = UnsafeRawBufferPointer(rebasing: data[entry.range])
            return TensorView(spec: entry.spec, bytes: elements, byteOffset: dataOffset + entry.range.lowerBound)
        }
    }

    /// The tensor of a name.
    ///
    /// - Complexity: O(1) on average.
    public subscript(name: TensorName) -> TensorView? {
        header.positions[name].map { tensors[$0] }
    }

    /// The metadata of a key, which is compared by bytes.
    ///
    /// - Complexity: O(number of keys).
    public func metadata(_ key: String) -> String? {
        metadata.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }
}
