/// What one step of Adam multiplies and adds:
///
///     m ← keep1·m + take1·g
///     v ← keep2·v + take2·g²
///     direction = (momentFactor·m + gradientFactor·g) / (rootFactor·√v + epsilon), clamped to ±limit
public struct MomentCoefficients<Scalar: BLASScalar>: Sendable {
    public var keep1, take1, keep2, take2, momentFactor, gradientFactor, rootFactor, epsilon, limit: Scalar

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
