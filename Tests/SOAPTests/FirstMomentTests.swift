import LinearAlgebra
import SOAP
import Testing

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
        let options = SOAPOptions { refresh.apply(to: &$0) }
        let parameter = SOAPParameter<Float>(shape: shape, options: options)
        let modes = Mode.all(of: shape)
        let workspace = Workspace()
        var random = TestRandom(state: 5)
        var average = [Double](repeating: 0, count: parameter.count)
        for step in 1...60 {
            let gradient: Tensor<Float> = random.tensor(shape)
            _ = parameter.step(gradient.elements, options: options, workspace: workspace)
            for index in average.indices {
                average[index] = options.beta1 * average[index] + (1 - options.beta1) * Double(gradient.elements[index])
            }
            guard step % 10 == 0 else { continue }
            var expected = average
            for (dimension, mode) in modes.enumerated() {
                let basis = parameter.elements(.basis(dimension)).map { Double($0) }
                let source = expected
                Double.multiply(source, along: mode, by: basis, back: false, into: &expected, precision: .highest, workspace: workspace)
            }
            #expect(relativeError(parameter.elements(.expAvg).map { Double($0) }, expected) < 3e-6, "\(step)")
        }
    }
}
