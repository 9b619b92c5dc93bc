/// How weight decay is applied (`weight_decay_method`).
public enum WeightDecayMethod: String, Sendable, CaseIterable {
    /// w ← w·(1 − lr·weight_decay)
    case decoupled
    /// w ← w·(1 − weight_decay)
    case independent
    /// The gradient gains weight_decay·w, after the Kronecker factors were updated and before it is projected.
    case l2
}
