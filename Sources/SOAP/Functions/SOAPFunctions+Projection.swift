public import LinearAlgebra

extension SOAPFunctions {
    /// Contracts dimension 0 of a tensor with each basis in turn; each contraction moves that dimension to the end, so that
    /// with a basis for every dimension they stand as before.
    ///
    /// - Parameters:
    ///   - grad: any shape.
    ///   - bases: square, of the sizes of the dimensions in order. An empty one only moves its dimension to the end; nil
    ///     returns `grad`.
    ///   - dims: `[[0], [0]]` contracts with the bases' rows (into the bases), `[[0], [1]]` with their columns (back).
    /// - Throws: when a basis does not fit its dimension, or for other `dims`.
    /// - Complexity: 2·count·Σn operations.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func precondition<Scalar: BLASScalar>(
        _ grad: Tensor<Scalar>, bases: [Tensor<Scalar>]? = nil, dims: [[Int]] = [[0], [0]]
    ) throws(SOAPFunctionError) -> Tensor<Scalar> {
        guard let bases, grad.rank > 0 else { return grad }
        guard dims == [[0], [0]] || dims == [[0], [1]] else {
            throw SOAPFunctionError("dims must be [[0], [0]] or [[0], [1]], not \(dims)")
        }
        // Contracting dimension 0 and moving it to the end, again and again, is multiplying along each dimension in its
        // place and moving once.
        var result = grad
        let modes = Mode.all(of: grad.shape)
        for (index, basis) in bases.enumerated() where !basis.isEmpty {
            let mode = modes[index % grad.rank]
            guard basis.shape == [mode.size, mode.size] else {
                throw SOAPFunctionError("a basis of shape \(basis.shape) does not fit a dimension of \(mode.size)")
            }
            var next = result
            Scalar.multiply(result.elements, along: mode, by: basis.elements, back: dims == [[0], [1]], into: &next.elements)
            result = next
        }
        return movingToTheEnd(result, dimensions: bases.count % grad.rank)
    }

    /// The matrix Pᵀ·A·P, or its diagonal as a vector.
    ///
    /// - Parameters:
    ///   - a: n×n.
    ///   - p: n×n.
    ///   - diag: whether only the diagonal is wanted, which saves one of the two products.
    /// - Throws: when the shapes are not those.
    public static func conjugate<Scalar: BLASScalar>(
        _ a: Tensor<Scalar>, _ p: Tensor<Scalar>, diag: Bool = false
    ) throws(SOAPFunctionError) -> Tensor<Scalar> {
        try checkSquare(a)
        try check(bases: [p], match: [a])
        guard !a.isEmpty else { return .empty }
        let n = a.shape[0]
        var product = Tensor<Scalar>(shape: a.shape)
        if diag {
            var values = [Double](repeating: 0, count: n)
            let scale = approximateEigenvalues(
                factor: a.elements, basis: p.elements, n: n, product: &product.elements, values: &values)
            return Tensor(shape: [n], elements: values.map { Scalar($0 / scale.asDouble) })
        }
        var result = product
        Scalar.multiply(a.elements, along: Mode(outer: n, size: n, inner: 1), by: p.elements, back: false, into: &product.elements)
        Scalar.multiply(product.elements, along: Mode(outer: 1, size: n, inner: n), by: p.elements, back: false, into: &result.elements)
        return result
    }

    /// Moves the first dimensions behind the others.
    private static func movingToTheEnd<Scalar: BLASScalar>(_ tensor: Tensor<Scalar>, dimensions: Int) -> Tensor<Scalar> {
        guard dimensions > 0 else { return tensor }
        let rows = tensor.shape[..<dimensions].reduce(1, *)
        let columns = tensor.shape[dimensions...].reduce(1, *)
        var moved = Tensor<Scalar>(shape: Array(tensor.shape[dimensions...] + tensor.shape[..<dimensions]))
        for i in 0..<rows {
            for j in 0..<columns { moved.elements[j * rows + i] = tensor.elements[i * columns + j] }
        }
        return moved
    }
}
