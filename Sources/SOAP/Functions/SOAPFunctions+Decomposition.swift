public import LinearAlgebra

extension SOAPFunctions {
    /// Eigenvalues and eigenvectors of a symmetric matrix, by descending eigenvalue.
    ///
    /// A diagonal matrix is sorted without a decomposition. When single precision fails, double precision is tried.
    ///
    /// - Parameters:
    ///   - x: n×n, symmetric; it is the lower triangle that is decomposed.
    ///   - forceDouble: decompose in double precision at once.
    /// - Returns: n eigenvalues, and an n×n matrix with an eigenvector a column.
    /// - Throws: when the matrix is not square, or cannot be decomposed in double precision either.
    /// - Complexity: about 9n³ operations.
    public static func eighWithFallback<Scalar: BLASScalar>(
        _ x: Tensor<Scalar>, forceDouble: Bool = false
    ) throws(SOAPFunctionError) -> (eigenvalues: [Scalar], eigenvectors: Tensor<Scalar>) {
        try checkSquare(x)
        guard !x.isEmpty else { return ([], .empty) }
        var values = [Scalar](repeating: 0, count: x.shape[0])
        var vectors = Tensor<Scalar>(shape: x.shape)
        let outcome = values.withUnsafeMutableBufferPointer { values in
            Scalar.eigh(
                x.elements, n: x.shape[0], forceDouble: forceDouble, vectors: &vectors.elements, values: values.baseAddress,
                workspace: Workspace())
        }
        guard outcome != .failed else { throw SOAPFunctionError("a matrix of shape \(x.shape) cannot be decomposed") }
        return (values, vectors)
    }

    /// Rounds of orthogonal iteration towards the eigenvectors of a symmetric matrix: Q ← qr(K·Q).Q.
    ///
    /// - Parameters:
    ///   - factor: K, n×n, symmetric.
    ///   - basis: Q, n×n, its columns by descending eigenvalue.
    ///   - powerIterSteps: rounds, at least 1.
    /// - Returns: the new basis, or the one given if K or it holds values that are not finite.
    /// - Throws: when the matrices are not square or do not fit each other.
    /// - Complexity: 20n³/3 operations a round, 12n³ at worst.
    public static func orthogonalIteration<Scalar: BLASScalar>(
        factor: Tensor<Scalar>, basis: Tensor<Scalar>, powerIterSteps: Int = 1
    ) throws(SOAPFunctionError) -> Tensor<Scalar> {
        try getEigenbasisQR([factor], bases: [basis], powerIterSteps: powerIterSteps).bases[0]
    }

    /// Whether a basis still diagonalises its factor well enough: ‖diag(QᵀKQ)‖ ≥ (1 − tolerance)·‖K‖_F.
    ///
    /// - Parameters:
    ///   - factor: K, n×n.
    ///   - approxEigvals: diag(QᵀKQ), n elements.
    ///   - tolerance: from 0 (nothing may be off the diagonal) to 1.
    /// - Throws: when the shapes are not those.
    public static func metApproxEigvalsCriteria<Scalar: BLASScalar>(
        factor: Tensor<Scalar>, approxEigvals: [Scalar], tolerance: Double
    ) throws(SOAPFunctionError) -> Bool {
        try checkSquare(factor)
        let n = approxEigvals.count
        guard factor.elements.count == n * n else {
            throw SOAPFunctionError("\(n) eigenvalues do not fit a factor of shape \(factor.shape)")
        }
        guard n > 0 else { return true }
        let scale = Scalar.balancingScale(for: Scalar.largestDiagonal(factor.elements, n: n))
        let values = approxEigvals.map { ($0 * scale).asDouble }
        return criterionHolds(factor: factor.elements, values: values, scale: scale, n: n, tolerance: tolerance)
    }
}
