/// What one step of one parameter did.
public struct StepReport: Sendable, Equatable {
    /// Root mean square of the gradient as given.
    public var gradientRMS = 0.0
    /// Root mean square of the direction, after clipping: the update's over the learning rate.
    public var directionRMS = 0.0
    /// Root mean square of the update, without weight decay.
    public var updateRMS = 0.0
    /// Whether a basis was made anew.
    public var refreshed = false
    /// How many decompositions failed in single precision and were done in double.
    public var doubleFallbacks = 0
    /// How many decompositions failed altogether, so that the old basis (at first: none) stayed.
    public var failedDecompositions = 0

    /// A step that did nothing.
    public init() {}
}
