import LinearAlgebra

extension SOAPOptions {
    /// The most elements that a parameter may have: BLAS counts with 32 bits.
    public static let largestElementCount = Int(Int32.max)

    /// A few rounds of power iteration converge; without a limit one refresh could take for ever.
    public static let mostPowerIterations = 1000

    /// Checks every option by itself and those that exclude each other, and throws the first that cannot be used.
    public func validate() throws(SOAPOptionError) {
        try check("lr", learningRate, learningRate >= 0, "must be at least 0")
        try check("betas", beta1, (0..<1).contains(beta1), "must be at least 0 and below 1")
        try check("betas", beta2, (0..<1).contains(beta2), "must be at least 0 and below 1")
        try check("shampoo_beta", shampooBeta, shampooBeta < 1, "must be below 1 (below 0 means the second of betas)")
        try check("eps", epsilon, epsilon > 0, "must be above 0")
        try check("weight_decay", weightDecay, weightDecay >= 0, "must be at least 0")
        try validateFrequency()
        try check("adam_warmup_steps", adamWarmupSteps, atLeast: 0)
        try check(
            "adaptive_update_tolerance", adaptiveUpdateTolerance, (0..<1).contains(adaptiveUpdateTolerance),
            "must be at least 0 and below 1")
        try check("power_iter_steps", powerIterSteps, atLeast: 1)
        guard powerIterSteps <= SOAPOptions.mostPowerIterations else {
            throw SOAPOptionError(
                option: "power_iter_steps", reason: "must be at most \(SOAPOptions.mostPowerIterations), not \(powerIterSteps)")
        }
        try check("max_update_rms", maxUpdateRMS, maxUpdateRMS >= 0, "must be at least 0")
        if let maxPreconditionDim { try check("max_precondition_dim", maxPreconditionDim, atLeast: 1) }
        guard useKLShampoo else { return }
        if precondition1D {
            throw SOAPOptionError(option: "use_kl_shampoo", reason: "cannot be combined with precondition_1d: its factors need a matrix")
        }
        if maxPreconditionDim != nil {
            throw SOAPOptionError(
                option: "use_kl_shampoo", reason: "cannot be combined with max_precondition_dim: each factor needs the other one")
        }
    }

    /// Checks the options as ``validate()`` does, and that they can be used for a parameter of this shape.
    public func validate(shape: [Int]) throws(SOAPOptionError) {
        try validate()
        if useKLShampoo && shape.count > 2 {
            throw SOAPOptionError(
                option: "use_kl_shampoo", reason: "works on matrices and vectors, not on a parameter of \(shape.count) dimensions")
        }
        guard let count = elementCount(of: shape), count <= SOAPOptions.largestElementCount else {
            throw SOAPOptionError(
                option: "shape", reason: "\(shape) is not one of at most \(SOAPOptions.largestElementCount) elements")
        }
        let largest = Float.largestDecomposition
        let layout = StateLayout(shape: shape, options: self)
        if let size = layout.preconditioned.map({ layout.modes[$0].size }).first(where: { $0 > largest }) {
            throw SOAPOptionError(
                option: "max_precondition_dim",
                reason: "must be at most \(largest) for a parameter with a dimension of \(size): a larger factor cannot be decomposed")
        }
    }

    private func validateFrequency() throws(SOAPOptionError) {
        let name = "precondition_frequency"
        switch preconditionFrequency {
        case .every(let every):
            try check(name, every, atLeast: 1)
        case .schedule(let stages):
            guard stages.first?.fromStep == 0 else {
                throw SOAPOptionError(option: name, reason: "must have a schedule whose first stage begins at step 0")
            }
            for stage in stages { try check(name, stage.every, atLeast: 1) }
            for (stage, next) in zip(stages, stages.dropFirst()) where stage.fromStep >= next.fromStep {
                throw SOAPOptionError(
                    option: name, reason: "must have a schedule of ascending steps, but \(next.fromStep) follows \(stage.fromStep)")
            }
        case .custom: break
        }
    }

    private func check(_ option: String, _ value: Double, _ isInRange: Bool, _ demand: String) throws(SOAPOptionError) {
        guard value.isFinite else { throw SOAPOptionError(option: option, reason: "must be finite, not \(value)") }
        guard isInRange else { throw SOAPOptionError(option: option, reason: "\(demand), not \(value)") }
    }

    private func check(_ option: String, _ value: Int, atLeast least: Int) throws(SOAPOptionError) {
        guard value >= least else { throw SOAPOptionError(option: option, reason: "must be at least \(least), not \(value)") }
    }
}

/// The number of elements of a shape, or nil if a size is negative or the product of those above zero overflows an `Int`.
func elementCount(of shape: [Int]) -> Int? {
    var product = 1
    for size in shape {
        let (next, overflow) = product.multipliedReportingOverflow(by: max(size, 1))
        guard size >= 0, !overflow else { return nil }
        product = next
    }
    return shape.contains(0) ? 0 : product
}
