/// How long the phases of a step took.
public struct StepTiming: Sendable {
    /// Receiving the body; nil where nobody measured it.
    public internal(set) var receive: Duration?
    /// Reading and checking the body, and the optimizer's own work.
    public internal(set) var compute: Duration = .zero
    /// Writing to the log until it is on disk, the body's digest included.
    public internal(set) var commit: Duration = .zero
    /// Of `compute`, what came before the optimizer: reading and checking the body, and its digest if it is small.
    var planning: Duration = .zero
    /// Of `commit`, the wait for the disk when the computation was over; nil when nothing was logged.
    var waiting: Duration?

    static func + (timing: StepTiming, other: StepTiming) -> StepTiming {
        let receive = timing.receive == nil ? other.receive : timing.receive! + (other.receive ?? .zero)
        return StepTiming(receive: receive, compute: timing.compute + other.compute, commit: timing.commit + other.commit)
    }
}
