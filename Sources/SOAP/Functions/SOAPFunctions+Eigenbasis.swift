public import LinearAlgebra

extension SOAPFunctions {
    /// The bases made anew from the factors, with the moments brought along: the momentum rotated from the old bases into
    /// the new ones, exp_avg_sq permuted as the old bases' columns were sorted.
    ///
    /// - Parameters:
    ///   - factors: one a dimension of `momentum`, n×n or empty.
    ///   - bases: likewise, of the same shapes.
    ///   - expAvgSq: the second moment in the old bases, of the momentum's shape.
    ///   - momentum: the first moment in the old bases.
    ///   - useEigh: a full eigendecomposition instead of orthogonal iteration.
    ///   - useAdaptiveCriteria: leave a basis, unsorted, where ``metApproxEigvalsCriteria(factor:approxEigvals:tolerance:)`` holds.
    ///   - adaptiveUpdateTolerance: its tolerance; nil is 1e-7.
    ///   - powerIterSteps: rounds of orthogonal iteration, at least 1.
    /// - Throws: when the shapes do not fit each other. A basis whose factor cannot be decomposed stays as it is.
    /// - Complexity: O(n³) a dimension, and at most 4·count·Σn for the momentum.
    public static func updateEigenbasisAndMomentum<Scalar: BLASScalar>(
        _ factors: [Tensor<Scalar>], bases: [Tensor<Scalar>], expAvgSq: Tensor<Scalar>, momentum: Tensor<Scalar>, useEigh: Bool = false,
        useAdaptiveCriteria: Bool = false, adaptiveUpdateTolerance: Double? = nil, powerIterSteps: Int = 1
    ) throws(SOAPFunctionError) -> (bases: [Tensor<Scalar>], momentum: Tensor<Scalar>, expAvgSq: Tensor<Scalar>) {
        try check("factors", factors, fit: momentum.shape)
        try check(bases: bases, match: factors)
        guard expAvgSq.shape == momentum.shape else {
            throw SOAPFunctionError("moments of shapes \(expAvgSq.shape) and \(momentum.shape) do not fit each other")
        }
        let refresh = try refresh(
            useEigh: useEigh, useAdaptiveCriteria: useAdaptiveCriteria, tolerance: adaptiveUpdateTolerance, powerIterSteps: powerIterSteps)
        let sides = sides(factors, bases: bases, shape: momentum.shape)
        var result = (bases: bases, momentum: momentum, expAvgSq: expAvgSq)
        _ = refresh.apply(
            sides: sides, expAvg: &result.momentum.elements, expAvgSq: &result.expAvgSq.elements, count: momentum.elements.count,
            workspace: Workspace())
        for side in sides { result.bases[side.dimension].elements = Array(side.basis.elements) }
        return result
    }

    /// The columns of each basis, and the matching axis of exp_avg_sq, by descending approximate eigenvalue diag(QᵀKQ).
    ///
    /// - Parameters:
    ///   - factors: one a dimension of `expAvgSq`, n×n or empty.
    ///   - bases: likewise, of the same shapes.
    ///   - expAvgSq: the second moment in the bases.
    /// - Throws: when the shapes do not fit each other.
    /// - Complexity: 2n³ operations a dimension.
    public static func sortEigenbasisByApproxEigvals<Scalar: BLASScalar>(
        _ factors: [Tensor<Scalar>], bases: [Tensor<Scalar>], expAvgSq: Tensor<Scalar>
    ) throws(SOAPFunctionError) -> (bases: [Tensor<Scalar>], expAvgSq: Tensor<Scalar>) {
        try check("factors", factors, fit: expAvgSq.shape)
        try check(bases: bases, match: factors)
        var result = (bases: bases, expAvgSq: expAvgSq)
        for (dimension, mode) in Mode.all(of: expAvgSq.shape).enumerated() where !factors[dimension].isEmpty {
            let n = mode.size
            let values = try conjugate(factors[dimension], bases[dimension], diag: true).elements.map(\.asDouble)
            var order = [Int](repeating: 0, count: n)
            descendingOrder(of: values, count: n, into: &order)
            Scalar.gather(
                bases[dimension].elements, along: Mode(outer: n, size: n, inner: 1), order: order, into: &result.bases[dimension].elements)
            let unsorted = result.expAvgSq
            Scalar.gather(unsorted.elements, along: mode, order: order, into: &result.expAvgSq.elements)
        }
        return result
    }

    /// The eigenvectors of each factor, by descending eigenvalue.
    ///
    /// - Parameters:
    ///   - factors: each n×n, symmetric, or empty.
    ///   - bases: the bases so far, for the adaptive criterion and for factors that cannot be decomposed.
    ///   - useAdaptiveCriteria: keep a basis where ``metApproxEigvalsCriteria(factor:approxEigvals:tolerance:)`` holds.
    ///   - adaptiveUpdateTolerance: its tolerance; nil is 1e-7.
    ///   - eps: when given, eps·I is added to each factor.
    /// - Throws: when the shapes do not fit each other, or a factor cannot be decomposed and there is no basis to keep.
    /// - Complexity: about 9n³ operations a factor.
    public static func getEigenbasisEigh<Scalar: BLASScalar>(
        _ factors: [Tensor<Scalar>], bases: [Tensor<Scalar>]? = nil, useAdaptiveCriteria: Bool = false,
        adaptiveUpdateTolerance: Double? = nil, eps: Double? = nil
    ) throws(SOAPFunctionError) -> [Tensor<Scalar>] {
        if let bases { try check(bases: bases, match: factors) }
        var result: [Tensor<Scalar>] = []
        for (index, factor) in factors.enumerated() {
            try checkSquare(factor)
            if let basis = bases?[index], useAdaptiveCriteria {
                let values = try conjugate(factor, basis, diag: true).elements
                let tolerance = adaptiveUpdateTolerance ?? BasisRefresh.defaultTolerance
                if try metApproxEigvalsCriteria(factor: factor, approxEigvals: values, tolerance: tolerance) {
                    result.append(basis)
                    continue
                }
            }
            var regularized = factor
            if let eps, !factor.isEmpty {
                for i in 0..<factor.shape[0] { regularized[i, i] += Scalar(eps) }
            }
            do throws(SOAPFunctionError) {
                result.append(try eighWithFallback(regularized).eigenvectors)
            } catch {
                guard let basis = bases?[index] else { throw error }
                result.append(basis)
            }
        }
        return result
    }

    /// The bases after orthogonal iteration on their factors.
    ///
    /// - Parameters:
    ///   - factors: each n×n, symmetric, or empty; with `expAvgSq` one for each of its dimensions.
    ///   - bases: likewise, of the same shapes; without `expAvgSq` sorted by descending eigenvalue.
    ///   - expAvgSq: when given, bases are sorted first, and it is returned with its axes sorted alike.
    ///   - useAdaptiveCriteria: keep a basis, unsorted, where
    ///     ``metApproxEigvalsCriteria(factor:approxEigvals:tolerance:)`` holds.
    ///   - adaptiveUpdateTolerance: its tolerance; nil is 1e-7.
    ///   - powerIterSteps: rounds, at least 1.
    /// - Returns: the new bases, and those given where a factor has values that are not finite.
    /// - Throws: when the shapes do not fit each other.
    /// - Complexity: 20n³/3 operations a factor and round, 12n³ at worst.
    public static func getEigenbasisQR<Scalar: BLASScalar>(
        _ factors: [Tensor<Scalar>], bases: [Tensor<Scalar>], expAvgSq: Tensor<Scalar>? = nil, useAdaptiveCriteria: Bool = false,
        adaptiveUpdateTolerance: Double? = nil, powerIterSteps: Int = 1
    ) throws(SOAPFunctionError) -> (bases: [Tensor<Scalar>], expAvgSq: Tensor<Scalar>?) {
        try check(bases: bases, match: factors)
        if let expAvgSq { try check("factors", factors, fit: expAvgSq.shape) }
        let refresh = try refresh(
            useAdaptiveCriteria: useAdaptiveCriteria, tolerance: adaptiveUpdateTolerance, powerIterSteps: powerIterSteps)
        let modes = expAvgSq.map { Mode.all(of: $0.shape) } ?? []
        var result = (bases: bases, expAvgSq: expAvgSq)
        for (index, factor) in factors.enumerated() where !factor.isEmpty {
            try checkSquare(factor)
            let n = factor.shape[0]
            var order = [Int](repeating: 0, count: n)
            var fresh = factor
            let outcome = refresh.makeBasis(
                factor: factor.elements, old: bases[index].elements, n: n, into: &fresh.elements, order: &order, sorts: expAvgSq != nil,
                workspace: Workspace())
            guard outcome.isMade else { continue }
            result.bases[index] = fresh
            guard let unsorted = result.expAvgSq else { continue }
            var sorted = unsorted
            Scalar.gather(unsorted.elements, along: modes[index], order: order, into: &sorted.elements)
            result.expAvgSq = sorted
        }
        return result
    }

    private static func refresh(
        useEigh: Bool = false, useAdaptiveCriteria: Bool, tolerance: Double?, powerIterSteps: Int
    ) throws(SOAPFunctionError) -> BasisRefresh {
        guard powerIterSteps >= 1 else { throw SOAPFunctionError("powerIterSteps must be at least 1, not \(powerIterSteps)") }
        return BasisRefresh(
            useEigh: useEigh, useAdaptiveCriteria: useAdaptiveCriteria, tolerance: tolerance, powerIterSteps: powerIterSteps)
    }
}
