/// Why bytes are not a safetensors file, or why one cannot be laid out.
public struct SafetensorsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rule that was broken. Raw values are stable and meant for machines.
    public enum Slug: String, Sendable, CaseIterable {
        /// The file ends before the length of the header, or within the header.
        case truncatedHeader = "truncated-header"
        /// The header is longer than the format or the caller allows.
        case headerTooLarge = "header-too-large"
        /// The header does not begin with `{`.
        case headerNotAnObject = "header-not-an-object"
        /// The header is padded with something other than spaces.
        case invalidPadding = "invalid-padding"
        /// The header is not JSON.
        case invalidJSON = "invalid-json"
        /// Two tensors, two keys of metadata, or two keys of an entry have the same name, possibly escaped differently.
        case duplicateName = "duplicate-name"
        /// A tensor's name is empty, too long, reserved, or has a NUL.
        case invalidName = "invalid-name"
        /// `__metadata__` is not an object of strings.
        case invalidMetadata = "invalid-metadata"
        /// A tensor's entry is not an object of exactly `dtype`, `shape` and `data_offsets`.
        case invalidEntry = "invalid-entry"
        /// `dtype` is none of the format's.
        case unknownDType = "unknown-dtype"
        /// `shape` is not an array of non-negative integers.
        case invalidShape = "invalid-shape"
        /// The shape's size in bytes is beyond `Int`, or the file's is.
        case sizeOverflow = "size-overflow"
        /// `data_offsets` is not an array of two non-negative integers in order.
        case invalidOffsets = "invalid-offsets"
        /// `data_offsets` spans another number of bytes than dtype and shape need.
        case sizeMismatch = "size-mismatch"
        /// `data_offsets` reaches beyond the end of the file.
        case truncatedData = "truncated-data"
        /// Two tensors share bytes, or an empty one lies within another.
        case overlap = "overlap"
        /// Bytes between two tensors, or before the first, belong to none.
        case hole = "hole"
        /// Bytes after the last tensor belong to none.
        case trailingBytes = "trailing-bytes"
    }

    /// The rule that was broken.
    public let slug: Slug
    /// The tensor that broke it, where there is one; a name that is too long is cut.
    public let tensor: String?
    /// What a person needs to know to mend it.
    public let detail: String

    init(_ slug: Slug, tensor: String? = nil, _ detail: String) {
        self.slug = slug
        self.tensor = tensor.map { String($0.unicodeScalars.prefix(TensorName.maximumByteCount)) }
        self.detail = detail
    }

    /// The detail, led by the tensor's name.
    public var description: String {
        tensor.map { "tensor \"\($0)\": \(detail)" } ?? detail
    }
}
