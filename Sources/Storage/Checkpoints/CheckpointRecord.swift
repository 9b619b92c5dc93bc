public import Foundation

/// A complete checkpoint as stored.
public struct CheckpointRecord: Equatable, Sendable {
    /// Never reused, also not after the checkpoint has been deleted.
    public let id: Int64
    /// What it was written with.
    public let header: CheckpointHeader
    /// Bytes of all tensors.
    public let byteCount: Int
    /// Seconds from the beginning of the checkpoint to its completion.
    public let duration: Double
    /// When it was complete.
    public let createdAt: Date
    /// SHA-256 over the header and the tensors' names, shapes and digests, 32 bytes.
    public let digest: [UInt8]
}
