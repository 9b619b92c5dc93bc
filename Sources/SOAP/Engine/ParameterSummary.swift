/// A parameter's state in a few numbers.
public struct ParameterSummary: Sendable, Equatable {
    /// One preconditioned dimension.
    public struct Dimension: Sendable, Equatable {
        /// Which one.
        public let dimension: Int
        /// Its size.
        public let size: Int
        /// The largest of diag(QᵀKQ), or of diag(K) without a basis.
        public let largestEigenvalue: Double
        /// The smallest of them.
        public let smallestEigenvalue: Double
        /// The largest element of |QᵀQ − I|; nil without a basis.
        public let orthogonalityError: Double?

        /// The largest over the smallest eigenvalue; nil if the smallest is not above zero.
        public var condition: Double? { smallestEigenvalue > 0 ? largestEigenvalue / smallestEigenvalue : nil }
    }

    /// The Frobenius norm of exp_avg.
    public let expAvgNorm: Double
    /// The Frobenius norm of exp_avg_sq.
    public let expAvgSqNorm: Double
    /// The preconditioned dimensions, ascending.
    public let dimensions: [Dimension]
}
