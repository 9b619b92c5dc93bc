/// The digest that ties a checkpoint's header to its tensors, in their order.
enum CheckpointDigest {
    static func compute(_ header: CheckpointHeader, _ tensors: [CheckpointTensor]) -> [UInt8] {
        var hash = FieldHash()
        hash.add("\(header.step) \(header.epoch) \(header.sequence)")
        hash.add(header.label)
        hash.add(header.metadata)
        for tensor in tensors {
            hash.add("\(tensor.ordinal) \(tensor.byteCount) \(tensor.kind.rawValue)")
            hash.add(tensor.name)
            hash.add(tensor.dtype)
            hash.add(CheckpointTensor.text(of: tensor.shape))
            hash.add(tensor.sha256)
        }
        return hash.finish()
    }
}
