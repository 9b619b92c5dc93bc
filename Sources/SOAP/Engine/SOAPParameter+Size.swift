import LinearAlgebra

extension SOAPParameter {
    /// The bytes of state that a parameter has once its bases exist: both moments, factors and bases.
    ///
    /// Nil if the number does not fit in an `Int`.
    public static func stateByteCount(shape: [Int], options: SOAPOptions) -> Int? {
        guard let count = elementCount(of: shape) else { return nil }
        let layout = StateLayout(shape: shape, options: options)
        var total = count
        for dimension in layout.preconditioned {
            let size = layout.modes[dimension].size
            let (square, squareOverflow) = size.multipliedReportingOverflow(by: size)
            let (sum, sumOverflow) = total.addingReportingOverflow(square)
            guard !squareOverflow, !sumOverflow else { return nil }
            total = sum
        }
        let (bytes, overflow) = total.multipliedReportingOverflow(by: 2 * MemoryLayout<Scalar>.stride)
        return overflow ? nil : bytes
    }

    /// About how many floating-point operations a step takes, a refresh's share included; for ordering parameters.
    public static func stepCost(shape: [Int], options: SOAPOptions) -> Double {
        let layout = StateLayout(shape: shape, options: options)
        let count = Double(layout.count)
        let refreshes = 1 / Double(options.preconditionFrequency.every(at: 0))
        return layout.preconditioned.reduce(20 * count) { cost, dimension in
            let n = Double(layout.modes[dimension].size)
            let basis = options.useEigh ? 14 * n * n * n : (6 + 5 * Double(options.powerIterSteps - 1)) * n * n * n
            let factor = options.useKLShampoo ? 3 * count * n + 2 * n * n * n : count * n
            return cost + factor + 4 * count * n + refreshes * (basis + 4 * count * n)
        }
    }
}
