import LinearAlgebra
import Testing

@testable import SOAP

/// exp_avg is kept in the bases, and goes from the old ones into the new ones at each refresh.
@Suite struct FirstMomentTests {
    /// How bases are made, which decides how exp_avg gets into them.
    enum Refresh: CaseIterable {
        case plain, twoRounds, exact, sometimesKept

        func apply(to options: inout SOAPOptions) {
            switch self {
            case .plain: break
            case .twoRounds: options.powerIterSteps = 2
            case .exact: options.useEigh = true
            case .sometimesKept:
                options.useAdaptiveCriteria = true
                options.adaptiveUpdateTolerance = 0.02
            }
        }
    }

    /// Of the second shape the first basis is too large beside the tensor to be worth turning.
    @Test(arguments: [[40, 30], [80, 8], [6, 5, 4]], Refresh.allCases)
    func itIsTheAverageOfTheGradientsWhateverTheBasesHaveBeen(shape: [Int], refresh: Refresh) {
        let errors = train(shape, SOAPOptions { refresh.apply(to: &$0) }, steps: 60) { parameter, expected in
            relativeError(parameter.elements(.expAvg).map { Double($0) }, expected)
        }
        for error in errors { #expect(error < 3e-6) }
    }

    /// A turn is nearly the identity, of which bfloat16 keeps what is off the diagonal better than the diagonal.
    @Test(.enabled(if: ProductKernels.tilesForAll != nil, "this machine has no kernels for less than single precision"))
    func itDoesNotGrowAtMedium() throws {
        let options = SOAPOptions {
            $0.beta1 = 0.999
            $0.fp32MatmulPrecision = .medium
            $0.qrFP32MatmulPrecision = .medium
        }
        let growths = train([64, 64], options, kernels: try #require(.tilesForAll), steps: 1_500) { parameter, expected in
            let norm = Float.sumOfSquares(parameter.elements(.expAvg), count: parameter.count)
            return (norm / Double.sumOfSquares(expected, count: expected.count)).squareRoot()
        }
        #expect(abs(try #require(growths.last) - 1) < 0.1)
    }

    /// Now and then one is made without the one before it.
    @Test func mostBasesOfATrainedParameterTurn() {
        let options = SOAPOptions { _ in }
        let turned = train([40, 30], options, steps: 100) { parameter, _ in
            let outcomes = parameter.shape.enumerated().map { dimension, n in
                var (fresh, turn) = ([Float](repeating: 0, count: n * n), [Float](repeating: 0, count: n * n))
                var order = [Int](repeating: 0, count: n)
                return BasisRefresh(options: options).makeBasis(
                    factor: parameter.elements(.factor(dimension)), old: parameter.elements(.basis(dimension)), n: n, into: &fresh,
                    turn: &turn, order: &order, workspace: Workspace())
            }
            return Double(outcomes.count { $0 == .turned })
        }
        #expect(turned.reduce(0, +) > 10)
    }

    /// Gradients whose columns differ, and differ otherwise after some steps, so that bases turn.
    ///
    /// - Parameter judge: given the parameter, and the average of its gradients in its bases, at every tenth step.
    private func train(
        _ shape: [Int], _ options: SOAPOptions, kernels: ProductKernels = .chosen, steps: Int,
        judge: (SOAPParameter<Float>, [Double]) -> Double
    ) -> [Double] {
        let parameter = SOAPParameter<Float>(shape: shape, options: options)
        let workspace = Workspace(kernels: kernels)
        var random = TestRandom(state: 5)
        var average = [Double](repeating: 0, count: parameter.count)
        var results: [Double] = []
        for step in 1...steps {
            var gradient: Tensor<Float> = random.tensor(shape)
            for index in gradient.elements.indices { gradient.elements[index] *= Float(1 + (index + step / 7) % 5) }
            _ = parameter.step(gradient.elements, options: options, workspace: workspace)
            for index in average.indices {
                average[index] = options.beta1 * average[index] + (1 - options.beta1) * Double(gradient.elements[index])
            }
            guard step % 10 == 0 else { continue }
            var expected = average
            for (dimension, mode) in Mode.all(of: shape).enumerated() {
                let basis = parameter.elements(.basis(dimension)).map { Double($0) }
                let source = expected
                Double.multiply(source, along: mode, by: basis, back: false, into: &expected, precision: .highest, workspace: workspace)
            }
            results.append(judge(parameter, expected))
        }
        return results
    }
}
