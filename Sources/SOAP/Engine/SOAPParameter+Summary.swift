import LinearAlgebra

extension SOAPParameter {
    /// The approximate eigenvalues of a dimension's factor, diag(QᵀKQ), or diag(K) as long as there is no basis.
    ///
    /// Nil if the dimension has no factor.
    ///
    /// - Complexity: 2n³ operations and n² of scratch memory.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func approximateEigenvalues(dimension: Int) -> [Scalar]? {
        guard let side = sides.first(where: { $0.dimension == dimension }) else { return nil }
        return eigenvalues(of: side, workspace: Workspace()).map { Scalar($0) }
    }

    /// The state in a few numbers.
    ///
    /// - Complexity: 3n³ operations a preconditioned dimension, beside O(elements).
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func summary() -> ParameterSummary {
        let workspace = Workspace()
        let dimensions = sides.map { side in
            let values = eigenvalues(of: side, workspace: workspace)
            return ParameterSummary.Dimension(
                dimension: side.dimension, size: side.size, largestEigenvalue: values.max() ?? 0, smallestEigenvalue: values.min() ?? 0,
                orthogonalityError: hasBases ? orthogonalityError(of: side, workspace: workspace) : nil)
        }
        return ParameterSummary(
            expAvgNorm: Scalar.sumOfSquares(expAvg.base, count: count).squareRoot(),
            expAvgSqNorm: Scalar.sumOfSquares(expAvgSq.base, count: count).squareRoot(), dimensions: dimensions)
    }

    private func eigenvalues(of side: Side<Scalar>, workspace: Workspace) -> [Double] {
        workspace.frame {
            let n = side.size
            let product = workspace.take(Scalar.self, count: n * n)
            let values = workspace.take(Double.self, count: n)
            let scale = SOAP.approximateEigenvalues(
                factor: side.factor.base, basis: basis(of: side), n: n, product: product, values: values)
            return (0..<n).map { values[$0] / scale.asDouble }
        }
    }

    private func orthogonalityError(of side: Side<Scalar>, workspace: Workspace) -> Double {
        workspace.frame {
            let n = side.size
            let gram = workspace.take(Scalar.self, count: n * n)
            Scalar.accumulateGram(of: side.basis.base, along: Mode(outer: n, size: n, inner: 1), alpha: 1, beta: 0, into: gram)
            var error = 0.0
            for i in 0..<n {
                for j in 0..<n { error = max(error, abs(gram[i * n + j].asDouble - (i == j ? 1 : 0))) }
            }
            return error
        }
    }
}
