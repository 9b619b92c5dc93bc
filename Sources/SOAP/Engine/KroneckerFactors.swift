import Foundation
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

/// KL-Shampoo's update of both factors of a matrix, from the factors and bases as they were before (arXiv 2509.03378):
/// L ← β·L + (1 − β)·G·Q_R·diag(λ_R^p / n)·Q_Rᵀ·Gᵀ, and R likewise with Gᵀ, Q_L and m.
struct KLShampooUpdate<Scalar: BLASScalar> {
    let beta: Double
    /// Lower clamp of the approximate eigenvalues λ.
    let epsilon: Double
    /// The power p of λ.
    var exponent = -1.0

    /// - Parameters:
    ///   - gradient: m×n.
    ///   - hasBases: without bases they are the identity.
    /// - Complexity: 2m³ + 2n³ + 3mn(m + n) operations; scratch memory of the gradient and of a factor.
    func apply(gradient: UnsafePointer<Scalar>, left: Side<Scalar>, right: Side<Scalar>, hasBases: Bool, workspace: Workspace) {
        workspace.frame {
            let leftRoots = workspace.take(Double.self, count: left.size)
            let rightRoots = workspace.take(Double.self, count: right.size)
            roots(of: left, hasBases: hasBases, into: leftRoots, workspace: workspace)
            roots(of: right, hasBases: hasBases, into: rightRoots, workspace: workspace)
            whiten(gradient, other: right, roots: rightRoots, hasBases: hasBases, workspace: workspace) {
                accumulate($0, into: left)
            }
            whiten(gradient, other: left, roots: leftRoots, hasBases: hasBases, workspace: workspace) {
                accumulate($0, into: right)
            }
        }
    }

    /// The roots of λ^p / size, by which the rotated gradient is multiplied.
    private func roots(of side: Side<Scalar>, hasBases: Bool, into roots: UnsafeMutablePointer<Double>, workspace: Workspace) {
        workspace.frame {
            let n = side.size
            let product = workspace.take(Scalar.self, count: hasBases ? n * n : 1)
            let scale = approximateEigenvalues(
                factor: side.factor.base, basis: hasBases ? UnsafePointer(side.basis.base) : nil, n: n, product: product, values: roots)
            let clamp = max(epsilon, Scalar.leastNormalMagnitude.asDouble)
            for i in 0..<n {
                roots[i] = (power(max(roots[i] / scale.asDouble, clamp)) / Double(n)).squareRoot()
            }
        }
    }

    private func power(_ value: Double) -> Double { exponent == -1 ? 1 / value : pow(value, exponent) }

    /// The gradient rotated along one side and scaled there by the roots.
    private func whiten(
        _ gradient: UnsafePointer<Scalar>, other: Side<Scalar>, roots: UnsafePointer<Double>, hasBases: Bool, workspace: Workspace,
        _ body: (UnsafePointer<Scalar>) -> Void
    ) {
        workspace.frame {
            let mode = other.mode
            let whitened = workspace.take(Scalar.self, count: mode.count)
            if hasBases {
                Scalar.multiply(gradient, along: mode, by: other.basis.base, back: false, into: whitened)
            } else {
                whitened.update(from: gradient, count: mode.count)
            }
            for row in 0..<(mode.outer * mode.size) {
                if mode.inner == 1 {
                    whitened[row] *= Scalar(roots[row % mode.size])
                } else {
                    let root = Scalar(roots[row % mode.size])
                    for i in 0..<mode.inner { whitened[row * mode.inner + i] *= root }
                }
            }
            body(whitened)
        }
    }

    private func accumulate(_ whitened: UnsafePointer<Scalar>, into side: Side<Scalar>) {
        Scalar.accumulateGram(
            of: whitened, along: side.mode, alpha: Scalar(1 - beta), beta: Scalar(beta), into: side.factor.base)
    }
}
