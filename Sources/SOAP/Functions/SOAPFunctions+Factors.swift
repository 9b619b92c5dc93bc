public import LinearAlgebra
import Logging

extension SOAPFunctions {
    /// One square of zeros for each dimension of a tensor; for a one-dimensional tensor an empty matrix unless
    /// `precondition1D`; none for a scalar.
    public static func initKroneckerFactors<Scalar: BLASScalar>(
        _ grad: Tensor<Scalar>, precondition1D: Bool = false
    ) -> [Tensor<Scalar>] {
        if grad.rank == 1 && !precondition1D { return [.empty] }
        return grad.shape.map { Tensor(shape: [$0, $0]) }
    }

    /// Moves each factor towards the contraction of the gradient with itself over all dimensions but the factor's:
    /// K ← β·K + (1 − β)·Σ G·Gᵀ.
    ///
    /// - Parameters:
    ///   - factors: one a dimension, n×n; empty ones stay empty.
    ///   - grad: any shape.
    ///   - shampooBeta: β.
    ///   - precondition1D: whether the factor of a one-dimensional gradient moves; without, it stays, and that is logged.
    /// - Throws: when the factors do not fit the gradient.
    /// - Complexity: count·Σn operations.
    public static func updateKroneckerFactors<Scalar: BLASScalar>(
        _ factors: inout [Tensor<Scalar>], grad: Tensor<Scalar>, shampooBeta: Double, precondition1D: Bool = false
    ) throws(SOAPFunctionError) {
        try check("factors", factors, fit: grad.shape)
        if grad.rank == 1 && !precondition1D {
            Logger(label: "SOAP").notice("a one-dimensional gradient without precondition_1d leaves its Kronecker factor as it is")
            return
        }
        for (dimension, mode) in Mode.all(of: grad.shape).enumerated() where !factors[dimension].isEmpty {
            Scalar.accumulateGram(
                of: grad.elements, along: mode, alpha: Scalar(1 - shampooBeta), beta: Scalar(shampooBeta),
                into: &factors[dimension].elements)
        }
    }

    /// KL-Shampoo's update of both factors of a matrix, each from the other's eigenvalues:
    /// L ← β·L + (1 − β)·G·Q_R·diag(λ_R^p / n)·Q_Rᵀ·Gᵀ and R ← β·R + (1 − β)·Gᵀ·Q_L·diag(λ_L^p / m)·Q_Lᵀ·G,
    /// with λ = max(diag(QᵀKQ), eps) of the factors as given.
    ///
    /// - Parameters:
    ///   - factors: m×m and n×n.
    ///   - grad: m×n.
    ///   - shampooBeta: β.
    ///   - bases: m×m and n×n; an empty one stands for the identity.
    ///   - eps: the lower clamp of eigenvalues.
    ///   - eigvalExp: p.
    /// - Throws: when the gradient is not a matrix, or the factors or bases do not fit it.
    /// - Complexity: 2m³ + 2n³ + 3mn(m + n) operations.
    public static func updateKroneckerFactorsKLShampoo<Scalar: BLASScalar>(
        _ factors: inout [Tensor<Scalar>], grad: Tensor<Scalar>, shampooBeta: Double, bases: [Tensor<Scalar>], eps: Double,
        eigvalExp: Double = -1
    ) throws(SOAPFunctionError) {
        guard grad.rank == 2 else { throw SOAPFunctionError("KL-Shampoo works on matrices, not on a tensor of shape \(grad.shape)") }
        try check("factors", factors, fit: grad.shape)
        try check("bases", bases, fit: grad.shape)
        guard !grad.isEmpty else { return }
        guard factors.allSatisfy({ !$0.isEmpty }) else { throw SOAPFunctionError("KL-Shampoo needs both factors") }
        let sides = sides(factors, bases: bases, shape: grad.shape)
        let whitenings = zip(sides, bases).map { side, basis in (side, basis.isEmpty ? nil : UnsafePointer(side.basis.base)) }
        KLShampooUpdate(beta: shampooBeta, epsilon: eps, exponent: eigvalExp).apply(
            gradient: grad.elements, left: whitenings[0], right: whitenings[1], workspace: Workspace())
        for side in sides { factors[side.dimension].elements = Array(side.factor.elements) }
    }
}
