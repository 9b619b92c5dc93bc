import LinearAlgebra

/// The approximate eigenvalues diag(QᵀKQ) of a factor in a basis, scaled by a power of two that keeps K·Q in range.
///
/// - Parameters:
///   - basis: nil is the identity.
///   - product: n×n; receives scale·K·Q.
///   - values: n; receives scale·diag(QᵀKQ).
///   - precision: of K·Q.
/// - Returns: the scale.
/// - Complexity: 2n³ operations, or n without a basis.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
func approximateEigenvalues<Scalar: BLASScalar>(
    factor: UnsafePointer<Scalar>, basis: UnsafePointer<Scalar>?, n: Int, product: UnsafeMutablePointer<Scalar>,
    values: UnsafeMutablePointer<Double>, precision: MatmulPrecision = .highest, workspace: Workspace = Workspace()
) -> Scalar {
    guard let basis else {
        for i in 0..<n { values[i] = factor[i * n + i].asDouble }
        return 1
    }
    let scale = Scalar.balancingScale(for: Scalar.largestDiagonal(factor, n: n))
    Scalar.gemm(
        transposeA: false, transposeB: false, m: n, n: n, k: n, alpha: scale, factor, stride: n, basis, stride: n,
        beta: 0, product, stride: n, precision: precision, workspace: workspace)
    Scalar.dotColumns(basis, product, rows: n, columns: n, into: values, kernels: workspace.kernels)
    return scale
}

/// Whether a basis still diagonalises its factor well enough: ‖diag(QᵀKQ)‖ ≥ (1 − tolerance)·‖K‖_F.
///
/// - Parameters:
///   - values: n; scale·diag(QᵀKQ).
///   - scale: a power of two, by which K is multiplied before it is squared.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
func criterionHolds<Scalar: BLASScalar>(
    factor: UnsafePointer<Scalar>, values: UnsafePointer<Double>, scale: Scalar, n: Int, tolerance: Double
) -> Bool {
    var squares = 0.0
    for i in 0..<(n * n) {
        let value = (factor[i] * scale).asDouble
        squares += value * value
    }
    return Double.sumOfSquares(values, count: n).squareRoot() >= (1 - tolerance) * squares.squareRoot()
}
