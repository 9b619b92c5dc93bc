import LinearAlgebra

/// Makes eigenbases anew, for the first time or from those before, and brings the moments along.
struct BasisRefresh {
    let useEigh: Bool
    let useAdaptiveCriteria: Bool
    let tolerance: Double
    let powerIterSteps: Int
    /// Of all products here; decompositions are of the type's own precision.
    let precision: MatmulPrecision

    /// The tolerance of the adaptive criterion unless another is given.
    static let defaultTolerance = 1e-7

    init(
        useEigh: Bool = false, useAdaptiveCriteria: Bool = false, tolerance: Double? = nil, powerIterSteps: Int = 1,
        precision: MatmulPrecision = .highest
    ) {
        self.useEigh = useEigh
        self.useAdaptiveCriteria = useAdaptiveCriteria
        self.tolerance = tolerance ?? BasisRefresh.defaultTolerance
        self.powerIterSteps = powerIterSteps
        self.precision = precision
    }

    init(options: SOAPOptions) {
        self.init(
            useEigh: options.useEigh, useAdaptiveCriteria: options.useAdaptiveCriteria, tolerance: options.adaptiveUpdateTolerance,
            powerIterSteps: options.powerIterSteps, precision: options.qrFP32MatmulPrecision)
    }

    /// What became of the bases of a parameter.
    struct Result: Equatable {
        var made = 0
        var doubleFallbacks = 0
        var failures = 0

        mutating func count(_ outcome: BasisOutcome) {
            if outcome == .made || outcome == .madeInDouble { made += 1 }
            if outcome == .madeInDouble { doubleFallbacks += 1 }
            if outcome == .failed { failures += 1 }
        }
    }

    /// The first bases, by eigendecomposition; exp_avg is rotated into them, exp_avg_sq stays as it is.
    ///
    /// When one decomposition fails, there are no bases yet and exp_avg stays as well.
    ///
    /// - Complexity: about 9n³ operations a side.
    func makeFirst<Scalar: BLASScalar>(
        sides: [Side<Scalar>], expAvg: UnsafeMutablePointer<Scalar>, count: Int, workspace: Workspace
    ) -> Result {
        var result = Result()
        for side in sides {
            let outcome = Scalar.eigh(side.factor.base, n: side.size, vectors: side.basis.base, workspace: workspace)
            result.count(BasisOutcome(outcome))
        }
        guard result.failures == 0 else {
            result.made = 0
            return result
        }
        workspace.frame {
            let rotated = workspace.take(Scalar.self, count: count)
            rotate(expAvg, count: count, along: sides, back: false, into: rotated, precision: precision, workspace: workspace) {
                UnsafePointer(sides[$0].basis.base)
            }
            expAvg.update(from: rotated, count: count)
        }
        return result
    }

    /// New bases from the factors and the old bases; exp_avg is rotated from the old into the new ones, exp_avg_sq
    /// follows the sorting of the old ones by their approximate eigenvalues.
    ///
    /// A basis stays as it is where the adaptive criterion holds or the decomposition fails, and so do the moments there.
    ///
    /// - Complexity: per side 20n³/3 operations a round, 12n³ at worst (14n³ with eigh); 4·count·n for exp_avg.
    func apply<Scalar: BLASScalar>(
        sides: [Side<Scalar>], expAvg: UnsafeMutablePointer<Scalar>, expAvgSq: UnsafeMutablePointer<Scalar>, count: Int,
        workspace: Workspace
    ) -> Result {
        var result = Result()
        workspace.frame {
            let fresh = workspace.take(UnsafePointer<Scalar>?.self, count: sides.count)
            let orders = workspace.take(UnsafePointer<Int>.self, count: sides.count)
            for (index, side) in sides.enumerated() {
                let basis = workspace.take(Scalar.self, count: side.size * side.size)
                let order = workspace.take(Int.self, count: side.size)
                let outcome = makeBasis(
                    factor: side.factor.base, old: side.basis.base, n: side.size, into: basis, order: order, workspace: workspace)
                result.count(outcome)
                fresh[index] = outcome == .made || outcome == .madeInDouble ? UnsafePointer(basis) : nil
                orders[index] = UnsafePointer(order)
            }
            guard result.made > 0 else { return }
            let moved = workspace.take(Scalar.self, count: count)
            rotate(expAvg, count: count, along: sides, back: true, into: moved, precision: precision, workspace: workspace) {
                fresh[$0] == nil ? nil : UnsafePointer(sides[$0].basis.base)
            }
            rotate(moved, count: count, along: sides, back: false, into: expAvg, precision: precision, workspace: workspace) { fresh[$0] }
            var (sorted, spare) = (expAvgSq, moved)
            for (index, side) in sides.enumerated() {
                guard let basis = fresh[index] else { continue }
                side.basis.base.update(from: basis, count: side.size * side.size)
                Scalar.gather(sorted, along: side.mode, order: orders[index], into: spare)
                swap(&sorted, &spare)
            }
            if sorted != expAvgSq { expAvgSq.update(from: sorted, count: count) }
        }
        return result
    }

    /// One new basis.
    ///
    /// - Parameters:
    ///   - fresh: n×n; receives the basis if one is made.
    ///   - order: n; receives how the old basis's columns were sorted.
    ///   - sorts: false if the old basis is sorted already.
    func makeBasis<Scalar: BLASScalar>(
        factor: UnsafePointer<Scalar>, old: UnsafePointer<Scalar>, n: Int, into fresh: UnsafeMutablePointer<Scalar>,
        order: UnsafeMutablePointer<Int>, sorts: Bool = true, workspace: Workspace
    ) -> BasisOutcome {
        workspace.frame {
            let product = workspace.take(Scalar.self, count: n * n)
            let values = workspace.take(Double.self, count: n)
            let scale = approximateEigenvalues(
                factor: factor, basis: old, n: n, product: product, values: values, precision: precision, workspace: workspace)
            if useAdaptiveCriteria && criterionHolds(factor: factor, values: values, scale: scale, n: n, tolerance: tolerance) {
                return .kept
            }
            for i in 0..<n { order[i] = i }
            if sorts { descendingOrder(of: values, count: n, into: order) }
            if useEigh {
                return BasisOutcome(Scalar.eigh(factor, n: n, vectors: fresh, workspace: workspace))
            }
            let sorted = workspace.take(Scalar.self, count: n * n)
            let columns = Mode(outer: n, size: n, inner: 1)
            Scalar.gather(product, along: columns, order: order, into: fresh)
            Scalar.gather(old, along: columns, order: order, into: sorted)
            return iterate(factor: factor, scale: scale, from: sorted, n: n, product: fresh, workspace: workspace)
        }
    }

    /// Orthogonal iteration: Q ← qr(K·Q).Q, ``powerIterSteps`` times.
    ///
    /// - Parameters:
    ///   - basis: n×n; Q, which is overwritten.
    ///   - product: n×n; scale·K·Q, replaced by the new basis.
    private func iterate<Scalar: BLASScalar>(
        factor: UnsafePointer<Scalar>, scale: Scalar, from basis: UnsafeMutablePointer<Scalar>, n: Int,
        product: UnsafeMutablePointer<Scalar>, workspace: Workspace
    ) -> BasisOutcome {
        for round in 0..<powerIterSteps {
            if round > 0 {
                basis.update(from: product, count: n * n)
                Scalar.gemm(
                    transposeA: false, transposeB: false, m: n, n: n, k: n, alpha: scale, factor, stride: n, basis, stride: n,
                    beta: 0, product, stride: n, precision: precision, workspace: workspace)
            }
            guard Scalar.orthogonalize(product, from: basis, n: n, precision: precision, workspace: workspace) else { return .failed }
        }
        return .made
    }
}
