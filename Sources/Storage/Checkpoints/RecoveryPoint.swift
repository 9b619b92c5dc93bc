/// A moment from which the log leads to a run's present, or what should be one.
public enum RecoveryPoint: Sendable {
    /// The run as it was made.
    case beginning
    /// Its tensors have not been looked at.
    case checkpoint(CheckpointRecord)
    /// A checkpoint that cannot be read, or is missing.
    case damaged(StorageError)
}
