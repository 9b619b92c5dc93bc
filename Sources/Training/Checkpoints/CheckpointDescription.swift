public import Foundation
import Storage
public import StrictJSON

/// A complete checkpoint, as people see it.
public struct CheckpointDescription: Sendable {
    /// The step that it holds the state after.
    public let step: Int
    /// The run's epoch at that step.
    public let epoch: Int
    /// nil for one that pruning may remove.
    public let label: String?
    /// Bytes of all tensors.
    public let byteCount: Int
    /// How long writing it took.
    public let duration: Duration
    /// When it was complete.
    public let createdAt: Date

    init(_ record: CheckpointRecord) {
        step = record.header.step
        epoch = record.header.epoch
        label = record.header.label
        byteCount = record.byteCount
        duration = .seconds(record.duration)
        createdAt = record.createdAt
    }

    /// The description as the API shows it.
    public var json: JSONObject {
        [
            "step": JSONValue(step), "epoch": JSONValue(epoch), "label": label.map { .string($0) } ?? .null,
            "bytes": JSONValue(byteCount), "duration_seconds": JSONValue(duration / .seconds(1)),
            "created_at": .string(createdAt.formatted(.iso8601)),
        ]
    }
}
