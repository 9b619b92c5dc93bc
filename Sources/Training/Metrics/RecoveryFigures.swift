/// How the start brought the runs back.
public struct RecoveryFigures: Sendable {
    /// As it was at last.
    public internal(set) var progress = RecoveryProgress()
    var began: ContinuousClock.Instant?
    /// How long it took in all; nil while it goes on, and before.
    var duration: Duration?

    /// How long it took, or has taken so far.
    public var elapsed: Duration { duration ?? began.map { .now - $0 } ?? .zero }
}
