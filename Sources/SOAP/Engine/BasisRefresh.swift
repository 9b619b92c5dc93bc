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
            if outcome.isMade { made += 1 }
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
    /// - Complexity: per side 7n³ operations a round, 15n³ at worst (11n³ with eigh); 2·count·n for exp_avg, or 4.
    func apply<Scalar: BLASScalar>(
        sides: [Side<Scalar>], expAvg: UnsafeMutablePointer<Scalar>, expAvgSq: UnsafeMutablePointer<Scalar>, count: Int,
        workspace: Workspace
    ) -> Result {
        var result = Result()
        workspace.frame {
            let fresh = workspace.take(UnsafePointer<Scalar>?.self, count: sides.count)
            let turns = workspace.take(UnsafePointer<Scalar>?.self, count: sides.count)
            let orders = workspace.take(UnsafePointer<Int>.self, count: sides.count)
            for (index, side) in sides.enumerated() {
                let basis = workspace.take(Scalar.self, count: side.size * side.size)
                let order = workspace.take(Int.self, count: side.size)
                let turn = turnIsCheaper(side, count: count) ? workspace.take(Scalar.self, count: side.size * side.size) : nil
                let outcome = makeBasis(
                    factor: side.factor.base, old: side.basis.base, n: side.size, into: basis, turn: turn, order: order,
                    workspace: workspace)
                result.count(outcome)
                fresh[index] = outcome.isMade ? UnsafePointer(basis) : nil
                turns[index] = outcome == .turned ? turn.map { UnsafePointer($0) } : nil
                orders[index] = UnsafePointer(order)
            }
            guard result.made > 0 else { return }
            // From the sorted old basis into the new one at once, or out of the old one and into the new one. Next to 1 bfloat16 has
            // steps of 2⁻⁸: a turn's diagonal would become 1 beside all that is off it, and exp_avg would grow at `medium`.
            let isTurned = sides.indices.contains { turns[$0] != nil }
            let turning = isTurned && precision == .medium ? .high : precision
            let spare = workspace.take(Scalar.self, count: count)
            sort(expAvg, count: count, along: sides, spare: spare) { turns[$0] == nil ? nil : orders[$0] }
            rotate(expAvg, count: count, along: sides, back: true, into: spare, precision: precision, workspace: workspace) {
                fresh[$0] == nil || turns[$0] != nil ? nil : UnsafePointer(sides[$0].basis.base)
            }
            rotate(spare, count: count, along: sides, back: false, into: expAvg, precision: turning, workspace: workspace) {
                turns[$0] ?? fresh[$0]
            }
            sort(expAvgSq, count: count, along: sides, spare: spare) { fresh[$0] == nil ? nil : orders[$0] }
            for (index, side) in sides.enumerated() {
                guard let basis = fresh[index] else { continue }
                side.basis.base.update(from: basis, count: side.size * side.size)
            }
        }
        return result
    }

    /// Whether a new basis's turn from the old one is worth its n³/3 operations, and what turns that fail cost, for what it saves:
    /// the way out of the old one.
    private func turnIsCheaper<Scalar: BLASScalar>(_ side: Side<Scalar>, count: Int) -> Bool {
        !useEigh && powerIterSteps == 1 && 8 * count >= 3 * side.size * side.size
    }

    /// Gathers a tensor along its sides, in their orders; sides without one stay.
    private func sort<Scalar: BLASScalar>(
        _ tensor: UnsafeMutablePointer<Scalar>, count: Int, along sides: [Side<Scalar>], spare: UnsafeMutablePointer<Scalar>,
        by order: (Int) -> UnsafePointer<Int>?
    ) {
        var (sorted, unused) = (tensor, spare)
        for (index, side) in sides.enumerated() {
            guard let order = order(index) else { continue }
            Scalar.gather(sorted, along: side.mode, order: order, into: unused)
            swap(&sorted, &unused)
        }
        if sorted != tensor { tensor.update(from: sorted, count: count) }
    }

    /// One new basis.
    ///
    /// - Parameters:
    ///   - fresh: n×n; receives the basis if one is made.
    ///   - turn: n×n; receives, if the outcome says so, what the sorted old basis is to be multiplied by.
    ///   - order: n; receives how the old basis's columns were sorted.
    ///   - sorts: false if the old basis is sorted already.
    func makeBasis<Scalar: BLASScalar>(
        factor: UnsafePointer<Scalar>, old: UnsafePointer<Scalar>, n: Int, into fresh: UnsafeMutablePointer<Scalar>,
        turn: UnsafeMutablePointer<Scalar>? = nil, order: UnsafeMutablePointer<Int>, sorts: Bool = true, workspace: Workspace
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
            return iterate(factor: factor, scale: scale, from: sorted, n: n, product: fresh, turn: turn, workspace: workspace)
        }
    }

    /// Orthogonal iteration: Q ← qr(K·Q).Q, ``powerIterSteps`` times.
    ///
    /// - Parameters:
    ///   - basis: n×n; Q, which is overwritten.
    ///   - product: n×n; scale·K·Q, replaced by the new basis.
    ///   - turn: n×n, for one round; receives what Q is to be multiplied by, if the outcome says so.
    private func iterate<Scalar: BLASScalar>(
        factor: UnsafePointer<Scalar>, scale: Scalar, from basis: UnsafeMutablePointer<Scalar>, n: Int,
        product: UnsafeMutablePointer<Scalar>, turn: UnsafeMutablePointer<Scalar>?, workspace: Workspace
    ) -> BasisOutcome {
        precondition(turn == nil || powerIterSteps == 1, "the turn of several rounds is not that of the last")
        var outcome = BasisOutcome.failed
        for round in 0..<powerIterSteps {
            if round > 0 {
                basis.update(from: product, count: n * n)
                Scalar.gemm(
                    transposeA: false, transposeB: false, m: n, n: n, k: n, alpha: scale, factor, stride: n, basis, stride: n,
                    beta: 0, product, stride: n, precision: precision, workspace: workspace)
            }
            outcome = BasisOutcome(
                Scalar.orthogonalize(product, from: basis, n: n, precision: precision, turn: turn, workspace: workspace))
            guard outcome.isMade else { break }
        }
        return outcome
    }
}
