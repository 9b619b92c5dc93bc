import Safetensors

/// Files that are read are whole and sound, and the same when they are written and read again.
enum SafetensorsProperty {
    static func violation(in bytes: UnsafeRawBufferPointer) -> String? {
        guard let file = try? SafetensorsFile(bytes) else { return nil }
        return FuzzProperties.violation { () throws(Violation) in
            try checkCover(file, bytes)
            try checkNames(file)
            try checkLimits(bytes)
            try checkWriting(file, bytes)
        }
    }

    /// Each view has the size of its shape, lies in the bytes, and begins where the one before ends.
    private static func checkCover(_ file: SafetensorsFile, _ bytes: UnsafeRawBufferPointer) throws(Violation) {
        var end = SafetensorsProperty.dataOffset(bytes)
        for tensor in file.tensors {
            let size = tensor.shape.contains(0) ? 0 : tensor.shape.reduce(tensor.dtype.byteCount, *)
            try require(tensor.bytes.count == size, "\(tensor.name): \(tensor.bytes.count) bytes for \(tensor.dtype) \(tensor.shape)")
            try require(tensor.byteOffset == end, "\(tensor.name) begins at \(tensor.byteOffset) and not at \(end)")
            end += size
            try require(end <= bytes.count, "\(tensor.name) ends at \(end) of \(bytes.count)")
            try require(size == 0 || tensor.bytes.baseAddress == bytes.baseAddress.map { $0 + tensor.byteOffset }, "a view elsewhere")
        }
        try require(end == bytes.count, "the tensors end at \(end) of \(bytes.count)")
    }

    /// Names and keys lead to what bears them, so none is there twice.
    private static func checkNames(_ file: SafetensorsFile) throws(Violation) {
        for tensor in file.tensors {
            let found = file[tensor.name]
            try require(found?.spec == tensor.spec && found?.byteOffset == tensor.byteOffset, "\(tensor.name) is not found by its name")
            try require(tensor.name.description.utf8.count <= TensorName.maximumByteCount, "a name that is too long")
        }
        for (key, value) in file.metadata {
            try require(file.metadata(key)?.utf8.elementsEqual(value.utf8) == true, "the metadata of \(key) is not found by its key")
        }
    }

    /// A header is taken at the limit that it just meets, and not below.
    private static func checkLimits(_ bytes: UnsafeRawBufferPointer) throws(Violation) {
        let length = dataOffset(bytes) - 8
        try require((try? SafetensorsFile(bytes, maximumHeaderByteCount: length)) != nil, "refused at a limit of \(length)")
        try require((try? SafetensorsFile(bytes, maximumHeaderByteCount: length - 1)) == nil, "taken at a limit of \(length - 1)")
    }

    /// The same tensors, laid out anew, are read as the same.
    private static func checkWriting(_ file: SafetensorsFile, _ bytes: UnsafeRawBufferPointer) throws(Violation) {
        let specs = file.tensors.map(\.spec)
        guard let layout = try? SafetensorsLayout(specs, metadata: file.metadata) else {
            throw Violation(text: "what was read cannot be written")
        }
        let written = layout.header + bytes.dropFirst(dataOffset(bytes))
        try require(written.count == layout.byteCount, "\(written.count) bytes written of \(layout.byteCount)")
        try written.withUnsafeBufferPointer { (written) throws(Violation) in
            guard let again = try? SafetensorsFile(UnsafeRawBufferPointer(written)) else {
                throw Violation(text: "what was written cannot be read")
            }
            try require(again.tensors.map(\.spec) == specs, "other tensors were written than read")
            try require(
                zip(again.tensors, file.tensors).allSatisfy { $0.bytes.elementsEqual($1.bytes) }, "other elements were written than read")
            try require(
                again.metadata.elementsEqual(file.metadata) {
                    $0.key.utf8.elementsEqual($1.key.utf8) && $0.value.utf8.elementsEqual($1.value.utf8)
                },
                "other metadata was written than read")
        }
        for spec in specs {
            guard let header = NPYHeader(dtype: spec.dtype, shape: spec.shape) else { continue }
            try require(header.bytes.count.isMultiple(of: 64), "a NumPy header of \(header.bytes.count) bytes")
        }
    }

    /// Where a file's data begins, as the format tells.
    private static func dataOffset(_ bytes: UnsafeRawBufferPointer) -> Int {
        8 + Int(UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)))
    }
}
