/// A piece of a run's history as stored: what was noted of some steps in a row.
public struct HistoryRow: Equatable, Sendable {
    /// No two rows of a run have a step in common.
    public let firstStep: Int
    /// The last step that it is about.
    public let lastStep: Int
    /// In which the last of the steps was taken.
    public let epoch: Int
    /// What was noted; its meaning is the writer's.
    public let point: [UInt8]

    /// A row of these.
    public init(firstStep: Int, lastStep: Int, epoch: Int, point: [UInt8]) {
        self.firstStep = firstStep
        self.lastStep = lastStep
        self.epoch = epoch
        self.point = point
    }
}
