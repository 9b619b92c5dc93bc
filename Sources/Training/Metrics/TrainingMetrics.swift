public import Metrics

/// What the runs of a server have done since it started, and what holds now.
public struct TrainingMetrics: Sendable {
    /// Steps by what became of them.
    public internal(set) var steps = StepCounts()
    /// How long their phases took.
    public internal(set) var phases = StepPhases()
    /// Whether all runs are back that can be had back, and the last write to the database did not fail.
    public internal(set) var isReady = false
    /// Runs that are served.
    public internal(set) var servedRuns = 0
    /// Of these, those of which it is not known what the disk holds; the next request looks.
    public internal(set) var runsInDoubt = 0
    /// Runs that the start could not bring back.
    public internal(set) var damagedRuns = 0
    /// Runs that are not back yet.
    public internal(set) var awaitedRuns = 0
    /// Checkpoints that the start found damaged; the log made up for each, or its run was not recovered.
    public internal(set) var damagedCheckpoints = 0
    /// Checkpoints that could not be written.
    public internal(set) var failedCheckpoints = 0
    /// How the last start went.
    public internal(set) var recovery = RecoveryFigures()
    /// Writes of history that failed; it is kept in memory and written later.
    public internal(set) var failedHistoryWrites = 0
    /// What the database has done.
    public let storage: StorageMetrics

    init(storage: StorageMetrics) {
        self.storage = storage
    }
}
