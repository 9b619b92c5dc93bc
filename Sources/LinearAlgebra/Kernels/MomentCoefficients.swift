/// What one step of Adam multiplies and adds:
///
///     m ← keep1·m + take1·g
///     v ← keep2·v + take2·g²
///     direction = (momentFactor·m + gradientFactor·g) / (rootFactor·√v + epsilon), clamped to ±limit
///
/// Pure numbers but for `epsilon`, which is of the gradient's unit.
public struct MomentCoefficients<Scalar: BLASScalar>: Sendable {
    /// β1, and what is left of 1.
    public var keep1, take1: Scalar
    /// β2, and what is left of 1.
    public var keep2, take2: Scalar
    /// The numerator's shares, bias corrections included; the gradient's is zero without Nesterov's momentum.
    public var momentFactor, gradientFactor: Scalar
    /// The bias correction of the second moment's root.
    public var rootFactor: Scalar
    /// What keeps the denominator from zero.
    public var epsilon: Scalar
    /// The largest magnitude of a direction.
    public var limit: Scalar

    /// The coefficients of a step.
    public init(
        keep1: Scalar, take1: Scalar, keep2: Scalar, take2: Scalar, momentFactor: Scalar, gradientFactor: Scalar, rootFactor: Scalar,
        epsilon: Scalar, limit: Scalar
    ) {
        self.keep1 = keep1
        self.take1 = take1
        self.keep2 = keep2
        self.take2 = take2
        self.momentFactor = momentFactor
        self.gradientFactor = gradientFactor
        self.rootFactor = rootFactor
        self.epsilon = epsilon
        self.limit = limit
    }
}
