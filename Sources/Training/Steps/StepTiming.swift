/// How long the phases of a step took.
public struct StepTiming: Sendable {
    /// Reading and checking the body, and the optimizer's own work.
    public internal(set) var compute: Duration = .zero
    /// Writing to the log until it is on disk.
    public internal(set) var commit: Duration = .zero
    /// Of `compute`, what came before the optimizer: the body's digest, reading and checking it.
    var planning: Duration = .zero
    /// Of `commit`, the wait for the disk when the computation was over; nil when nothing was logged.
    var waiting: Duration?
}
