import LinearAlgebra

/// The approximate eigenvalues diag(QᵀKQ) of a factor in a basis, scaled by a power of two that keeps K·Q in range.
///
/// - Parameters:
///   - basis: nil is the identity.
///   - product: n×n; receives scale·K·Q.
///   - values: n; receives scale·diag(QᵀKQ).
/// - Returns: the scale.
/// - Complexity: 2n³ operations, or n without a basis.
func approximateEigenvalues<Scalar: BLASScalar>(
    factor: UnsafePointer<Scalar>, basis: UnsafePointer<Scalar>?, n: Int, product: UnsafeMutablePointer<Scalar>,
    values: UnsafeMutablePointer<Double>
) -> Scalar {
    guard let basis else {
        for i in 0..<n { values[i] = factor[i * n + i].asDouble }
        return 1
    }
    let scale = Scalar.balancingScale(for: Scalar.largestDiagonal(factor, n: n))
    Scalar.gemm(
        transposeA: false, transposeB: false, m: n, n: n, k: n, alpha: scale, factor, stride: n, basis, stride: n,
        beta: 0, product, stride: n)
    values.update(repeating: 0, count: n)
    for i in 0..<n {
        let basisRow = basis + i * n
        let productRow = product + i * n
        for j in 0..<n { values[j] += basisRow[j].asDouble * productRow[j].asDouble }
    }
    return scale
}
