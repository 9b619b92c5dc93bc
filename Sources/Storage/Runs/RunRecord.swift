public import Foundation

/// A run as stored.
public struct RunRecord: Equatable, Sendable {
    /// Never reused, also not after the run has been deleted.
    public let id: Int64
    /// Compared byte by byte.
    public let name: String
    /// JSON text, as given to ``Store/createRun(name:manifest:)``.
    public let manifest: String
    /// Raised by whatever takes steps back or puts others in their place.
    public let epoch: Int
    /// Whether steps may have been answered that are in no checkpoint and not in the log.
    public let isAhead: Bool
    /// How many times in a row bringing the run back began and did not end.
    public let unfinishedRecoveries: Int
    /// When the run was made.
    public let createdAt: Date
    /// Whether row and manifest are those that were written. Of a run where they are not nothing is certain, not even its name;
    /// it is only fit to be deleted.
    public let isRight: Bool
}
