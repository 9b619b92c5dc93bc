public import Memory

/// The answer to one step, kept until the next so that a repeated PUT gets the same bytes.
public struct StepAnswer: Sendable {
    /// The answered step: the run's, or at parameter level the parameter's.
    public let step: Int
    /// Where a restart would stand now.
    public internal(set) var durableStep: Int
    /// The run's epoch.
    public internal(set) var epoch: Int
    /// Whether the step had been applied before.
    public internal(set) var isReplay = false
    /// The bytes to send; nil when the client asked for none.
    public let content: AlignedBuffer?
    /// The factor of decoupled or independent weight decay, for a step of one parameter; a run's step has its factors inside.
    public let weightScale: Double?
    /// SHA-256 of the content, when it was asked for.
    public internal(set) var digest: [UInt8]?
    /// How long the phases took, for an answer that was computed just now.
    public internal(set) var timing: StepTiming?
}
