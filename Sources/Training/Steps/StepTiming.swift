/// How long the phases of a step took.
public struct StepTiming: Sendable {
    /// Reading and checking the body, and the optimizer's own work.
    public internal(set) var compute: Duration = .zero
    /// Writing to the log until it is on disk.
    public internal(set) var commit: Duration = .zero
}
