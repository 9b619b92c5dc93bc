public import Metrics

/// Seconds of the phases of the steps that were taken, in the order in which they follow each other.
public struct StepPhases: Sendable {
    /// Reading and checking the body, and its digest if it is small.
    public private(set) var plan = Histogram.seconds
    /// Giving the step its place in the log, and hashing the body meanwhile; steps that are not logged are not counted here.
    public private(set) var append = Histogram.seconds
    /// The optimizer. The log is made durable meanwhile, and a body that is not logged is hashed.
    public private(set) var compute = Histogram.seconds
    /// What the disk then took longer than the optimizer; steps that are not logged are not counted here.
    public private(set) var sync = Histogram.seconds

    mutating func record(_ timing: StepTiming) {
        plan.record(timing.planning)
        compute.record(timing.compute - timing.planning)
        guard let waiting = timing.waiting else { return }
        append.record(timing.commit - waiting)
        sync.record(waiting)
    }
}
