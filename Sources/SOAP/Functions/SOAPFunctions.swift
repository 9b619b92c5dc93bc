import LinearAlgebra

/// The steps of SOAP one by one, as functions of values: for tests, for study, and for optimizers of one's own.
///
/// They are the functions of the `emerging_optimizers` SOAP in Swift's spelling, and they run the kernels that
/// ``SOAPParameter`` runs. An empty matrix, `Tensor.empty`, means "this dimension is not preconditioned"
/// wherever a factor or a basis is expected.
///
/// Source: SOAP, arXiv 2409.11321; KL-Shampoo, arXiv 2509.03378.
public enum SOAPFunctions {
    /// Throws unless there is one factor a dimension, empty or as large as the dimension.
    static func check<Scalar>(_ name: String, _ matrices: [Tensor<Scalar>], fit shape: [Int]) throws(SOAPFunctionError) {
        guard matrices.count == shape.count else {
            throw SOAPFunctionError("\(shape.count) \(name) are needed for a tensor of shape \(shape), not \(matrices.count)")
        }
        for (matrix, size) in zip(matrices, shape) where !matrix.isEmpty && matrix.shape != [size, size] {
            throw SOAPFunctionError("\(name) of shape \(matrix.shape) do not fit a dimension of \(size)")
        }
    }

    /// Throws unless the bases are as many as the factors and each is of its factor's shape.
    static func check<Scalar>(bases: [Tensor<Scalar>], match factors: [Tensor<Scalar>]) throws(SOAPFunctionError) {
        guard bases.count == factors.count else {
            throw SOAPFunctionError("\(factors.count) bases are needed, not \(bases.count)")
        }
        for (basis, factor) in zip(bases, factors) where basis.shape != factor.shape && !(basis.isEmpty && factor.isEmpty) {
            throw SOAPFunctionError("a basis of shape \(basis.shape) does not fit a factor of shape \(factor.shape)")
        }
    }

    /// Throws unless a matrix is square.
    static func checkSquare<Scalar>(_ matrix: Tensor<Scalar>) throws(SOAPFunctionError) {
        guard matrix.isEmpty || (matrix.rank == 2 && matrix.shape[0] == matrix.shape[1]) else {
            throw SOAPFunctionError("a square matrix is needed, not one of shape \(matrix.shape)")
        }
    }

    /// Copies factors and bases of a tensor into the form that the kernels take, leaving out empty ones.
    static func sides<Scalar: BLASScalar>(_ factors: [Tensor<Scalar>], bases: [Tensor<Scalar>], shape: [Int]) -> [Side<Scalar>] {
        Mode.all(of: shape).enumerated().compactMap { dimension, mode in
            guard !factors[dimension].isEmpty else { return nil }
            let side = Side<Scalar>(dimension: dimension, mode: mode)
            _ = side.factor.mutableElements.update(fromContentsOf: factors[dimension].elements)
            _ = side.basis.mutableElements.update(fromContentsOf: bases[dimension].elements)
            return side
        }
    }
}

/// Tensors that do not fit each other, or a matrix that could not be decomposed.
public struct SOAPFunctionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
