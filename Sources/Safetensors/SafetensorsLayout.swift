import StrictJSON

/// The plan of a safetensors file: the bytes of its header and the place of each tensor, known before any element is, so that elements
/// can be computed straight into the one buffer that the file is stored or sent from.
///
/// Tensors lie in the order given, without gaps, and the same description always gives the same bytes. The data begins at a multiple of
/// 64 bytes, the width of a vector register (the format asks for 8), reached with spaces at the end of the header. Tensors after the first
/// begin where the one before ends; in a file of one element type they are all aligned for it.
public struct SafetensorsLayout: Sendable {
    /// Where the data begins is a multiple of this, in bytes.
    public static let alignment = 64

    /// The tensors, in the order given.
    public let tensors: [TensorSpec]
    private let metadata: [(key: String, value: String)]
    /// Everything before the data: the length of the header, and the header.
    public let header: [UInt8]
    /// Bytes of the whole file.
    public let byteCount: Int
    private let offsets: [Int]

    /// Lays out a file.
    ///
    /// - Parameters:
    ///   - tensors: Names, types and shapes; names differ from each other.
    ///   - metadata: Free text for `__metadata__`, written in this order; keys differ from each other.
    /// - Throws: `size-overflow`, also for a negative dimension, `duplicate-name`, or `header-too-large`.
    public init(_ tensors: [TensorSpec], metadata: [(key: String, value: String)] = []) throws(SafetensorsError) {
        var description = JSONObject()
        if !metadata.isEmpty {
            var texts = JSONObject()
            for (key, value) in metadata {
                guard texts[key] == nil else { throw SafetensorsError(.duplicateName, "a key of the metadata is there twice") }
                texts[key] = .string(value)
            }
            description[TensorName.reserved] = .object(texts)
        }
        var offsets = [0]
        var end = 0
        for tensor in tensors {
            let name = tensor.name.description
            let begin = end
            guard let size = tensor.dtype.byteCount(ofShape: tensor.shape), size <= Int.max - begin else {
                throw SafetensorsError(.sizeOverflow, tensor: name, "the size in bytes is negative or more than \(Int.max)")
            }
            guard description[name] == nil else { throw SafetensorsError(.duplicateName, tensor: name, "the name is there twice") }
            end = begin + size
            offsets.append(end)
            description[name] = [
                "dtype": .string(tensor.dtype.name),
                "shape": .array(tensor.shape.map { JSONValue($0) }),
                "data_offsets": [JSONValue(begin), JSONValue(end)],
            ]
        }
        header = try SafetensorsLayout.padded(JSONValue.object(description).serialized())
        let (byteCount, overflow) = header.count.addingReportingOverflow(end)
        guard !overflow else { throw SafetensorsError(.sizeOverflow, "the file has more than \(Int.max) bytes") }
        self.byteCount = byteCount
        self.tensors = tensors
        self.metadata = metadata
        self.offsets = offsets.map { [dataOffset = header.count] in dataOffset + $0 }
    }

    /// The bytes of a tensor, by its place among ``tensors``, counted from the beginning of the file.
    public func range(of index: Int) -> Range<Int> {
        offsets[index]..<offsets[index + 1]
    }

    /// Whether this is the layout of such a file.
    ///
    /// - Complexity: O(tensors), without writing a header.
    public func isThat(of tensors: [TensorSpec], metadata: [(key: String, value: String)]) -> Bool {
        self.metadata.elementsEqual(metadata) { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value.utf8.elementsEqual($1.value.utf8) }
            && self.tensors == tensors
    }

    /// A header's text with its length before it and spaces behind it.
    private static func padded(_ text: [UInt8]) throws(SafetensorsError) -> [UInt8] {
        let prefixed = SafetensorsHeader.prefixByteCount + text.count
        let total = (prefixed + alignment - 1) / alignment * alignment
        let length = total - SafetensorsHeader.prefixByteCount
        guard length <= SafetensorsFile.maximumHeaderByteCount else {
            throw SafetensorsError(
                .headerTooLarge, "the header has \(length) bytes, the format allows \(SafetensorsFile.maximumHeaderByteCount)")
        }
        let prefix = withUnsafeBytes(of: UInt64(length).littleEndian, Array.init)
        return prefix + text + repeatElement(UInt8(ascii: " "), count: total - prefixed)
    }
}
