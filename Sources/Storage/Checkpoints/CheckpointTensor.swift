/// One tensor of a checkpoint, without its bytes.
public struct CheckpointTensor: Equatable, Sendable {
    /// Where a tensor belongs.
    public enum Kind: String, Sendable, CaseIterable {
        /// Optimizer state.
        case state
        /// Hosted weights.
        case weights
        /// The answer to the last step, as replayed to a client that asks again.
        case answer
    }

    /// Never reused, also not after the checkpoint has been deleted.
    public let id: Int64
    /// 0, 1, 2 … in the order of writing.
    public let ordinal: Int
    /// Where it belongs.
    public let kind: Kind
    /// Its name, one of a kind once in a checkpoint.
    public let name: String
    /// The type of its elements, as safetensors has it.
    public let dtype: String
    /// Its dimensions, the slowest first.
    public let shape: [Int]
    /// Bytes of all elements.
    public let byteCount: Int
    /// How many parts ``Store/readPart(_:of:from:upTo:)`` can read.
    public let partCount: Int
    /// SHA-256 of the bytes, 32 bytes.
    public let sha256: [UInt8]
}
