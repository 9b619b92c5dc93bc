/// One tensor of a checkpoint, without its bytes.
public struct CheckpointTensor: Equatable, Sendable {
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
    public let kind: Kind
    public let name: String
    public let dtype: String
    public let shape: [Int]
    public let byteCount: Int
    /// How many parts ``Store/readPart(_:of:from:upTo:)`` can read.
    public let partCount: Int
    /// SHA-256 of the bytes, 32 bytes.
    public let sha256: [UInt8]
}
