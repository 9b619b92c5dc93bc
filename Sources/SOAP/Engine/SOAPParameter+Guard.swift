import LinearAlgebra

extension SOAPParameter {
    /// The largest squared norm that a gradient may have: a quarter of the type's range, so that rounding has room.
    static var largestSquaredNorm: Double { Scalar.greatestFiniteMagnitude.asDouble / 4 }

    /// Whether a gradient may be taken: a promise that no state entry becomes infinite or NaN.
    ///
    /// The squared Frobenius norm bounds every entry of G·Gᵀ and, bases being orthogonal, every squared projected entry;
    /// moving averages do not exceed what they average. KL-Shampoo divides by eigenvalues of at least eps and by a size.
    ///
    /// - Parameters:
    ///   - squaredNorm: the sum of squares of the gradient, in double precision.
    ///   - squaredWeightNorm: the same of the weights; needed only with `l2` decay, which adds them to the gradient.
    ///   - shape: the parameter's.
    ///   - options: those of the step.
    public static func canTake(squaredNorm: Double, squaredWeightNorm: Double = 0, shape: [Int], options: SOAPOptions) -> Bool {
        var bound = squaredNorm
        if options.weightDecayMethod == .l2 {
            let sum = squaredNorm.squareRoot() + options.weightDecay * squaredWeightNorm.squareRoot()
            bound = sum * sum
        }
        guard bound <= largestSquaredNorm else { return false }
        guard options.useKLShampoo, shape.count == 2, let smallest = shape.min(), smallest > 0 else { return true }
        // eps itself, even where this type cannot hold it: the step that makes the first bases runs in double precision.
        return squaredNorm / (options.epsilon * Double(smallest)) <= largestSquaredNorm
    }

    /// Whether weights stay finite through a step, whatever its gradient: a promise like
    /// ``canTake(squaredNorm:squaredWeightNorm:shape:options:)``, for whoever keeps the weights in this type too.
    ///
    /// Quotients are bounded, and projecting them back keeps their norm, so no element of an update exceeds
    /// lr · limit · √elements.
    ///
    /// - Parameters:
    ///   - squaredWeightNorm: the sum of squares of the weights before the step, in double precision.
    ///   - shape: the parameter's.
    ///   - options: those of the step.
    ///   - learningRate: the rate of the step.
    public static func canUpdate(squaredWeightNorm: Double, shape: [Int], options: SOAPOptions, learningRate: Double) -> Bool {
        let count = Double(elementCount(of: shape) ?? .max)
        let update = learningRate * Moments<Scalar>.limit.asDouble * count.squareRoot()
        let kept = abs(options.weightScale(learningRate: learningRate)) * squaredWeightNorm.squareRoot()
        return update + kept <= Scalar.greatestFiniteMagnitude.asDouble / 2
    }
}
