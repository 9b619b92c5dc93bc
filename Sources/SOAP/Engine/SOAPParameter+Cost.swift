public import LinearAlgebra

extension SOAPParameter {
    /// What the next step takes. Eigendecompositions, which make the first bases, cannot be divided, nor can plain Adam. A step in
    /// double precision takes twice as long as its operations would in single precision.
    public func nextStepCost(options: SOAPOptions) -> TaskCost {
        let count = Double(count)
        var step = 20 * count
        for index in sides.indices {
            let n = Double(sides[index].size)
            let factor = options.useKLShampoo ? 3 * count * n + 2 * n * n * n : count * n
            step += factor + 4 * count * n
        }
        guard refreshIsDue(options) else { return TaskCost(step, isDivisible: !sides.isEmpty) }
        guard hasBases else {
            let width = Scalar.self == Double.self ? 1.0 : 2
            return TaskCost(width * (step + SOAPParameter.refreshCost(layout, options, useEigh: true)))
        }
        return TaskCost(step + SOAPParameter.refreshCost(layout, options, useEigh: options.useEigh), isDivisible: !options.useEigh)
    }

    /// A phase for each parameter of a set that is stepped together (``refreshPhase``), so that their refreshes are spread evenly
    /// over the steps: what the refreshes of those before it in the list cost, over what all cost.
    ///
    /// Equal parameters are equally far apart, and a large one has room after it. Parameters of another frequency have other
    /// periods, so they are spread by themselves. The first in the list has phase 0.
    ///
    /// - Parameter parameters: shapes with options that are valid for them. The order is part of the result, so it should be
    ///   one that can be had again.
    /// - Complexity: O(parameters × different frequencies).
    public static func refreshPhases(of parameters: [(shape: [Int], options: SOAPOptions)]) -> [Double] {
        var sums: [(frequency: PreconditionFrequency, cost: Double)] = []
        let places = parameters.map { shape, options in
            let frequency = options.preconditionFrequency
            let index = sums.firstIndex { $0.frequency == frequency } ?? sums.endIndex
            if index == sums.endIndex { sums.append((frequency, 0)) }
            let layout = StateLayout(shape: shape, options: options)
            defer { sums[index].cost += refreshCost(layout, options, useEigh: options.useEigh) }
            return (index: index, before: sums[index].cost)
        }
        return places.map { index, before in
            // Without factors there is nothing to refresh, and after the last parameter that has some no room is left.
            let whole = sums[index].cost
            return before < whole ? before / whole : 0
        }
    }

    /// About how many floating-point operations a refresh takes, beside the step; 0 without factors. The 9n³ of an eigendecomposition
    /// take as long as 14n³ of products.
    private static func refreshCost(_ layout: StateLayout, _ options: SOAPOptions, useEigh: Bool) -> Double {
        let count = Double(layout.count)
        return layout.preconditioned.reduce(0) { cost, dimension in
            let n = Double(layout.modes[dimension].size)
            let basis = useEigh ? 14 * n * n * n : (6 + 5 * Double(options.powerIterSteps - 1)) * n * n * n
            return cost + basis + 4 * count * n
        }
    }
}
