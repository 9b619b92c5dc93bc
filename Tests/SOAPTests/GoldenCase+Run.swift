import LinearAlgebra
import SOAP
import Testing

extension GoldenCase {
    /// Takes the recorded steps, each from the recorded weights.
    ///
    /// - Parameter check: called after each step (1-based) with the update's error relative to the recorded one.
    @discardableResult
    func run<Scalar: BLASScalar>(
        as type: Scalar.Type, precision: MatmulPrecision = .highest, workspace: Workspace = Workspace(),
        _ check: (_ step: Int, _ error: Double) throws -> Void
    ) throws -> SOAPParameter<Scalar> {
        let parameter = SOAPParameter<Scalar>(shape: shape, options: options)
        var weights = try #require(tensors["param"]).elements.map { Double($0) }
        for step in 1...steps {
            let gradient = try #require(tensors["grad.\(step)"]).elements.map { Scalar($0) }
            let expected = try #require(tensors["update.\(step)"]).elements.map { Double($0) }
            let learningRate = learningRates?[step - 1] ?? options.learningRate
            let scale = options.weightScale(learningRate: learningRate)
            let weightsNow = weights.map { Scalar($0) }
            var options = options
            options.learningRate = learningRate
            options.fp32MatmulPrecision = precision
            options.qrFP32MatmulPrecision = precision
            let update = parameter.step(gradient, weights: weightsNow, options: options, workspace: workspace).update
            let whole = weights.indices.map { (scale - 1) * weights[$0] + update[$0].asDouble }
            try check(step, relativeError(whole, expected))
            for i in weights.indices { weights[i] += expected[i] }
        }
        return parameter
    }
}
