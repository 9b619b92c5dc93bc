/// What a checkpoint says beside its tensors.
public struct CheckpointHeader: Equatable, Sendable {
    /// The step that it holds the state after.
    public var step: Int
    /// The run's epoch at that step.
    public var epoch: Int
    /// The newest log entry whose effect the checkpoint contains; 0 before the first.
    public var sequence: Int64
    /// A labelled checkpoint is kept until it is deleted by name.
    public var label: String?
    /// JSON text.
    public var metadata: String

    /// A header of these.
    public init(step: Int, epoch: Int, sequence: Int64, label: String? = nil, metadata: String) {
        self.step = step
        self.epoch = epoch
        self.sequence = sequence
        self.label = label
        self.metadata = metadata
    }
}
