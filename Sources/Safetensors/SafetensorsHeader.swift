import StrictJSON

/// The header of a safetensors file, read and checked in three steps: find its text, read its entries, compare them with the data.
struct SafetensorsHeader {
    /// A tensor and its bytes, counted from the beginning of the data.
    struct Entry {
        let spec: TensorSpec
        let range: Range<Int>
    }

    /// Bytes of the header's length, a little-endian `UInt64`, at the beginning of the file.
    static let prefixByteCount = 8

    let metadata: [(key: String, value: String)]
    /// In the order of the header.
    let entries: [Entry]

    /// The header's text in a file: everything between the length and the data.
    static func text(in file: UnsafeRawBufferPointer, maximumByteCount: Int) throws(SafetensorsError) -> UnsafeRawBufferPointer {
        guard file.count >= prefixByteCount else {
            throw SafetensorsError(.truncatedHeader, "the file has \(file.count) bytes; the header's length alone takes \(prefixByteCount)")
        }
        let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
        guard length <= maximumByteCount else {
            throw SafetensorsError(.headerTooLarge, "the header has \(length) bytes, at most \(maximumByteCount) are allowed")
        }
        guard length <= file.count - prefixByteCount else {
            throw SafetensorsError(.truncatedHeader, "the header has \(length) bytes, the file only \(file.count)")
        }
        return UnsafeRawBufferPointer(rebasing: file[prefixByteCount..<prefixByteCount + Int(length)])
    }

    /// Reads the entries, each of which is right by itself afterwards.
    init(parsing text: UnsafeRawBufferPointer, maximumNameByteCount: Int) throws(SafetensorsError) {
        guard text.first == UInt8(ascii: "{") else {
            throw SafetensorsError(.headerNotAnObject, "the header does not begin with {")
        }
        let document: JSONValue
        do {
            document = try JSONValue(parsing: text, maximumDepth: 8)
        } catch {
            let slug: SafetensorsError.Slug =
                switch error.reason {
                case .duplicateName: .duplicateName
                case .trailingBytes: .invalidPadding
                default: .invalidJSON
                }
            throw SafetensorsError(slug, "header: \(error)")
        }
        guard text.last(where: { $0 != UInt8(ascii: " ") }) == UInt8(ascii: "}") else {
            throw SafetensorsError(.invalidPadding, "the header is padded with something other than spaces")
        }
        var metadata: [(key: String, value: String)] = []
        var entries: [Entry] = []
        for (name, value) in document.objectValue ?? [:] {
            if ExactString(name) == ExactString(TensorName.reserved) {
                metadata = try SafetensorsHeader.metadata(value)
            } else if let tensor = TensorName(name, maximumByteCount: maximumNameByteCount) {
                entries.append(try Entry(tensor, value))
            } else {
                throw SafetensorsError(
                    .invalidName, tensor: name, "a tensor's name has 1 to \(maximumNameByteCount) bytes of UTF-8, none of them NUL")
            }
        }
        self.metadata = metadata
        self.entries = entries
    }

    private static func metadata(_ value: JSONValue) throws(SafetensorsError) -> [(key: String, value: String)] {
        guard let object = value.objectValue else {
            throw SafetensorsError(.invalidMetadata, "\(TensorName.reserved) is not an object of strings but of kind \(value.kind)")
        }
        var metadata: [(key: String, value: String)] = []
        for (key, value) in object {
            guard let string = value.stringValue else {
                throw SafetensorsError(
                    .invalidMetadata, "value \(metadata.count + 1) in \(TensorName.reserved) is not a string but of kind \(value.kind)")
            }
            metadata.append((key, string))
        }
        return metadata
    }

    /// The entries in the order of their data, after making sure that they cover all of it and no byte twice.
    func entriesCovering(dataByteCount: Int) throws(SafetensorsError) -> [Entry] {
        let order = entries.indices.sorted {
            let (left, right) = (entries[$0].range, entries[$1].range)
            return (left.lowerBound, left.upperBound, $0) < (right.lowerBound, right.upperBound, $1)
        }
        var end = 0
        for index in order {
            let (name, range) = (entries[index].spec.name.description, entries[index].range)
            guard range.upperBound <= dataByteCount else {
                throw SafetensorsError(
                    .truncatedData, tensor: name, "the data ends at byte \(dataByteCount), the tensor at \(range.upperBound)")
            }
            guard range.lowerBound >= end else {
                throw SafetensorsError(
                    .overlap, tensor: name, "begins at byte \(range.lowerBound) of the data, within a tensor that ends at \(end)")
            }
            guard range.lowerBound == end else {
                throw SafetensorsError(.hole, tensor: name, "bytes \(end) to \(range.lowerBound) of the data belong to no tensor")
            }
            end = range.upperBound
        }
        guard end == dataByteCount else {
            throw SafetensorsError(.trailingBytes, "\(dataByteCount - end) bytes after the last tensor belong to none")
        }
        return order.map { entries[$0] }
    }
}
