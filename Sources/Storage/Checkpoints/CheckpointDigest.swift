import Crypto

/// The digest that ties a checkpoint's header to its tensors, in their order.
enum CheckpointDigest {
    /// SHA-256 over every field's UTF-8 bytes, each behind its length as eight little-endian bytes, so that no two
    /// checkpoints give the same input. Where a value is absent, so is its field's content, behind the length -1.
    static func compute(_ header: CheckpointHeader, _ tensors: [CheckpointTensor]) -> [UInt8] {
        var hash = SHA256()
        func add(_ field: [UInt8]?) {
            withUnsafeBytes(of: Int64(field?.count ?? -1).littleEndian) { hash.update(bufferPointer: $0) }
            if let field { hash.update(data: field) }
        }
        func add(_ field: String?) { add(field.map { [UInt8]($0.utf8) }) }

        add("\(header.step) \(header.epoch) \(header.sequence)")
        add(header.label)
        add(header.metadata)
        for tensor in tensors {
            add("\(tensor.ordinal) \(tensor.byteCount) \(tensor.kind.rawValue)")
            add(tensor.name)
            add(tensor.dtype)
            add(CheckpointTensor.text(of: tensor.shape))
            add(tensor.sha256)
        }
        return [UInt8](hash.finalize())
    }
}
