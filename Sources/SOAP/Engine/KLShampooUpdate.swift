import Foundation
import LinearAlgebra

/// KL-Shampoo's update of the factors of an m×n gradient, both from the factors and bases as they were before
/// (arXiv 2509.03378): L ← β·L + (1 − β)·G·Q_R·diag(λ_R^p / n)·Q_Rᵀ·Gᵀ, and R likewise with Gᵀ, Q_L and m.
///
/// All products are as exact as the type, whatever the options permit: dividing by small eigenvalues amplifies errors.
struct KLShampooUpdate<Scalar: BLASScalar> {
    let beta: Double
    /// Lower clamp of the approximate eigenvalues λ.
    let epsilon: Double
    /// The power p of λ.
    var exponent = -1.0

    /// A side with a basis, where nil is the identity.
    typealias Whitening = (side: Side<Scalar>, basis: UnsafePointer<Scalar>?)

    /// - Complexity: 2m³ + 2n³ + 3mn(m + n) operations; scratch memory of the gradient and of a factor.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func apply(gradient: UnsafePointer<Scalar>, left: Whitening, right: Whitening, workspace: Workspace) {
        workspace.frame {
            // Both from the state before, so all eigenvalues come first.
            let leftRoots = workspace.take(Scalar.self, count: left.side.size)
            let rightRoots = workspace.take(Scalar.self, count: right.side.size)
            writeRoots(of: left, into: leftRoots, workspace: workspace)
            writeRoots(of: right, into: rightRoots, workspace: workspace)
            let whitened = workspace.take(Scalar.self, count: left.side.mode.count)
            whiten(gradient, by: right, roots: rightRoots, into: whitened, workspace: workspace)
            accumulate(whitened, into: left.side, workspace: workspace)
            whiten(gradient, by: left, roots: leftRoots, into: whitened, workspace: workspace)
            accumulate(whitened, into: right.side, workspace: workspace)
        }
    }

    /// The roots of λ^p over the size: by these the rotated gradient is multiplied before it is contracted with itself.
    private func writeRoots(of whitening: Whitening, into roots: UnsafeMutablePointer<Scalar>, workspace: Workspace) {
        workspace.frame {
            let n = whitening.side.size
            let product = workspace.take(Scalar.self, count: whitening.basis == nil ? 0 : n * n)
            let values = workspace.take(Double.self, count: n)
            let scale = approximateEigenvalues(
                factor: whitening.side.factor.base, basis: whitening.basis, n: n, product: product, values: values,
                precision: .highest, workspace: workspace)
            let clamp = max(epsilon, Scalar.leastNormalMagnitude.asDouble)
            for i in 0..<n {
                roots[i] = Scalar((pow(max(values[i] / scale.asDouble, clamp), exponent) / Double(n)).squareRoot())
            }
        }
    }

    /// The gradient rotated along one side and multiplied there by the roots.
    private func whiten(
        _ gradient: UnsafePointer<Scalar>, by whitening: Whitening, roots: UnsafePointer<Scalar>, into result: UnsafeMutablePointer<Scalar>,
        workspace: Workspace
    ) {
        let mode = whitening.side.mode
        if let basis = whitening.basis {
            Scalar.multiply(
                gradient, along: mode, by: basis, back: false, into: result, precision: .highest, workspace: workspace)
        } else {
            result.update(from: gradient, count: mode.count)
        }
        for o in 0..<mode.outer {
            for row in 0..<mode.size {
                let start = result + (o * mode.size + row) * mode.inner
                for i in 0..<mode.inner { start[i] *= roots[row] }
            }
        }
    }

    private func accumulate(_ whitened: UnsafePointer<Scalar>, into side: Side<Scalar>, workspace: Workspace) {
        Scalar.accumulateGram(
            of: whitened, along: side.mode, alpha: Scalar(1 - beta), beta: Scalar(beta), into: side.factor.base, precision: .highest,
            workspace: workspace)
    }
}
