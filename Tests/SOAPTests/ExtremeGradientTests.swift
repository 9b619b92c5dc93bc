import LinearAlgebra
import SOAP
import Testing

/// No gradient that the guard lets pass may make state or updates infinite or NaN.
@Suite struct ExtremeGradientTests {
    static let options: [String: SOAPOptions] = [
        "defaults": SOAPOptions { _ in },
        "eigh": SOAPOptions {
            $0.useEigh = true
            $0.preconditionFrequency = .every(2)
        },
        "adaptive": SOAPOptions {
            $0.useAdaptiveCriteria = true
            $0.powerIterSteps = 3
        },
        "warm-up": SOAPOptions {
            $0.adamWarmupSteps = 4
            $0.useNesterov = true
        },
        "small eps": SOAPOptions {
            $0.epsilon = 1e-60
            $0.beta2 = 0
        },
        // The quotient of a moment and nearly nothing, in the step in double precision that makes the first bases.
        "late first bases, small eps": SOAPOptions {
            $0.adamWarmupSteps = 1
            $0.epsilon = 1e-60
            $0.beta2 = 0
        },
        "KL-Shampoo": SOAPOptions {
            $0.useKLShampoo = true
            $0.epsilon = 1e-8
        },
    ]

    static let patterns: [String: @Sendable (_ step: Int, _ index: Int, _ random: inout TestRandom) -> Double] = [
        "1e15": { _, _, random in Double.random(in: -1e15...1e15, using: &random) },
        "1e-30": { _, _, random in Double.random(in: -1e-30...1e-30, using: &random) },
        "denormal": { _, _, random in Double.random(in: -1e-40...1e-40, using: &random) },
        "zero": { _, _, _ in 0 },
        "one element": { _, index, _ in index == 5 ? 1e3 : 0 },
        "identical": { _, index, _ in Double(index % 7) - 3 },
        "rank one": { step, index, _ in Double((index / 6 + step) % 5) * Double(index % 6) },
        "zero after large": { step, index, _ in step == 0 ? 1e15 * Double(index % 3) : 0 },
        "large after zero": { step, index, _ in step < 6 ? 0 : 1e15 * Double(index % 3) },
        "large after small": { step, index, _ in (step % 2 == 0 ? 1e-30 : 1e15) * Double(index % 4) },
    ]

    @Test(arguments: options.keys.sorted(), patterns.keys.sorted())
    func stateAndUpdatesStayFinite(optionsName: String, patternName: String) throws {
        let options = try #require(ExtremeGradientTests.options[optionsName])
        let pattern = try #require(ExtremeGradientTests.patterns[patternName])
        for shape in [[8, 6], [1, 48], [48], [2, 4, 6]] where !(options.useKLShampoo && shape.count > 2) {
            try run(shape: shape, options: options, pattern: pattern, as: Float.self)
        }
        try run(shape: [8, 6], options: options, pattern: pattern, as: Double.self)
    }

    private func run<Scalar: BLASScalar>(
        shape: [Int], options: SOAPOptions, pattern: (Int, Int, inout TestRandom) -> Double, as type: Scalar.Type
    ) throws {
        let parameter = SOAPParameter<Scalar>(shape: shape, options: options)
        var random = TestRandom(state: 1)
        for step in 0..<12 {
            let gradient = (0..<parameter.count).map { Scalar(pattern(step, $0, &random)) }
            let norm = Scalar.sumOfSquares(gradient, count: gradient.count)
            guard SOAPParameter<Scalar>.canTake(squaredNorm: norm, shape: shape, options: options) else {
                #expect(options.useKLShampoo, "only KL-Shampoo divides by eps")
                continue
            }
            let (update, report) = parameter.step(gradient, options: options)
            #expect(parameter.stateIsFinite && update.allSatisfy(\.isFinite), "shape \(shape), step \(step)")
            #expect(report.updateRMS.isFinite && report.directionRMS.isFinite && report.gradientRMS.isFinite)
            #expect(report.failedDecompositions == 0)
        }
        for dimension in parameter.summary().dimensions {
            #expect(dimension.orthogonalityError ?? 0 < 1e-5)
        }
    }

    /// Until all that is left of the state are the smallest denormals, which rounding keeps from becoming zero.
    @Test(arguments: [false, true])
    func zeroGradientsLetTheStateFade(useEigh: Bool) {
        let options = SOAPOptions {
            $0.useEigh = useEigh
            $0.precondition1D = true
        }
        for shape in [[4, 3], [5]] {
            let parameter = SOAPParameter<Float>(shape: shape, options: options)
            var random = TestRandom(state: 12)
            let workspace = Workspace()
            for _ in 0..<3 { _ = parameter.step(random.tensor(shape).elements, options: options, workspace: workspace) }
            let zeros = [Float](repeating: 0, count: parameter.count)
            var update: [Float] = []
            for step in 0..<2_500 {
                update = parameter.step(zeros, options: options, workspace: workspace).update
                guard step.isMultiple(of: 50) else { continue }
                #expect(parameter.stateIsFinite && update.allSatisfy(\.isFinite), "step \(step)")
                for dimension in parameter.summary().dimensions { #expect(dimension.orthogonalityError ?? 1 < 1e-5, "step \(step)") }
            }
            #expect(update.allSatisfy { abs($0) < 1e-30 } && parameter.elements(.expAvgSq).allSatisfy { $0 < .leastNormalMagnitude })
        }
    }

    @Test func theGuardKnowsTheRangeOfTheType() {
        let plain = SOAPOptions(learningRate: 0.003)
        let kl = SOAPOptions { $0.useKLShampoo = true }
        let shape = [4_096, 4_096]
        let count = Double(4_096 * 4_096)
        func floatTakes(_ size: Double, _ options: SOAPOptions = plain) -> Bool {
            SOAPParameter<Float>.canTake(squaredNorm: size * size * count, shape: shape, options: options)
        }
        #expect(floatTakes(0) && floatTakes(1e15) && floatTakes(1e10, kl))
        #expect(!floatTakes(1e30) && !floatTakes(1e17) && !floatTakes(.nan) && !floatTakes(.infinity) && !floatTakes(1e15, kl))
        #expect(SOAPParameter<Double>.canTake(squaredNorm: 1e60, shape: shape, options: plain))
        let l2 = SOAPOptions { $0.weightDecayMethod = .l2 }
        #expect(SOAPParameter<Float>.canTake(squaredNorm: 1, squaredWeightNorm: 1e30, shape: shape, options: l2))
        #expect(!SOAPParameter<Float>.canTake(squaredNorm: 1, squaredWeightNorm: 1e60, shape: shape, options: l2))
    }

    /// The step that makes the first bases runs in double precision, where so small an eps is not clamped.
    @Test(arguments: [1e-36, 1e-38, 1e-40, 1e-44, 1e-300])
    func anEpsBelowTheTypesRangeNeverLeavesStateThatIsNotFinite(epsilon: Double) {
        let options = SOAPOptions {
            $0.useKLShampoo = true
            $0.epsilon = epsilon
        }

        for size in [1, 1e-3, 1e-6] as [Float] {
            let gradient = [0.1, -0.2, 0.5, 0.3, 0.4, -0.3].map { Float($0) * size }
            let parameter = SOAPParameter<Float>(shape: [3, 2], options: options)
            guard SOAPParameter<Float>.canTake(squaredNorm: Float.sumOfSquares(gradient, count: 6), shape: [3, 2], options: options)
            else { continue }
            for _ in 0..<3 { #expect(parameter.step(gradient, options: options).update.allSatisfy(\.isFinite) && parameter.stateIsFinite) }
        }
    }

    /// What a step leaves must be accepted when it is read back, at both ends of the range.
    @Test(arguments: [0, 0.5, 0.7, 0.8, 0.9], [(1.0, [2, 2]), (0.999_999, [16, 16]), (1e-83, [3, 2])])
    func whatWasTakenCanBeRestored(beta1: Double, size: (share: Double, shape: [Int])) throws {
        let options = SOAPOptions {
            $0.beta1 = beta1
            $0.shampooBeta = size.share < 0.1 ? 0 : 0.95
        }
        let count = size.shape.reduce(1, *)
        let limit = Double(Float.greatestFiniteMagnitude) / 4 * size.share
        var random = TestRandom(state: 3)
        let parameter = SOAPParameter<Float>(shape: size.shape, options: options)
        for _ in 0..<8 {
            let noise: Tensor<Float> = random.tensor(size.shape)
            let value = (limit / Double(count)).squareRoot()
            let gradient = noise.elements.map { Float(value) * (size.share < 0.1 ? $0 : 1) }
            guard SOAPParameter<Float>.canTake(squaredNorm: Float.sumOfSquares(gradient, count: count), shape: size.shape, options: options)
            else { continue }
            _ = parameter.step(gradient, options: options)
            _ = try SOAPParameter<Float>(
                restoring: size.shape, options: options, step: parameter.step, lastRefreshStep: parameter.lastRefreshStep,
                keys: parameter.stateKeys
            ) { key, values in _ = values.update(from: parameter.elements(key)) }
        }
    }

    @Test func theLargestGradientThatPassesDoesNoHarm() {
        let options = SOAPOptions(learningRate: 0.003)
        let limit = Double(Float.greatestFiniteMagnitude) / 4
        for shape in [[1, 1], [16, 16], [16]] {
            let count = shape.reduce(1, *)
            // Just below the limit, whatever the conversion to Float rounds to.
            let value = Float((limit / Double(count)).squareRoot() * 0.999)
            let parameter = SOAPParameter<Float>(shape: shape, options: options)
            let gradient = [Float](repeating: value, count: count)
            #expect(SOAPParameter<Float>.canTake(squaredNorm: Float.sumOfSquares(gradient, count: count), shape: shape, options: options))
            for _ in 0..<20 {
                let update = parameter.step(gradient, options: options).update
                #expect(parameter.stateIsFinite && update.allSatisfy(\.isFinite))
            }
        }
    }
}
