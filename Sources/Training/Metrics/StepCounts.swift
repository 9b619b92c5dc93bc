import SOAP

/// What the steps came to that were taken and answered since the process started, those of all runs. A recovery or a restore
/// does steps again that were counted before; counts never fall.
public struct StepCounts: Sendable, Equatable {
    /// Steps at either level.
    public internal(set) var taken = 0
    /// Of these, how many a non-finite gradient made idle (`on_nonfinite: skip`).
    public internal(set) var skipped = 0
    /// How many more were answered again, because they were sent again.
    public internal(set) var replayed = 0
    /// Bases made anew, counted once a parameter and step.
    public internal(set) var basisRefreshes = 0
    /// Eigendecompositions that failed in single precision and were done in double.
    public internal(set) var decompositionFallbacks = 0
    /// Decompositions that failed altogether, so that the old basis stayed.
    public internal(set) var failedDecompositions = 0

    init() {}

    /// What a step of one parameter came to.
    init(_ report: StepReport) {
        basisRefreshes = report.refreshed ? 1 : 0
        decompositionFallbacks = report.doubleFallbacks
        failedDecompositions = report.failedDecompositions
    }

    static func += (sum: inout StepCounts, counts: StepCounts) {
        sum.taken += counts.taken
        sum.skipped += counts.skipped
        sum.replayed += counts.replayed
        sum.basisRefreshes += counts.basisRefreshes
        sum.decompositionFallbacks += counts.decompositionFallbacks
        sum.failedDecompositions += counts.failedDecompositions
    }
}
