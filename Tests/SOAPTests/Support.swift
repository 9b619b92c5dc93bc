import LinearAlgebra
import SOAP

/// A small deterministic generator, so that a failing case can be repeated.
struct TestRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var mixed = state
        mixed = (mixed ^ (mixed >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        return mixed ^ (mixed >> 33)
    }

    mutating func tensor<Scalar: BLASScalar>(_ shape: [Int], scale: Double = 1) -> Tensor<Scalar> {
        let count = shape.reduce(1, *)
        return Tensor(shape: shape, elements: (0..<count).map { _ in Scalar(Double.random(in: -1...1, using: &self) * scale) })
    }
}

extension SOAPParameter {
    /// One step on arrays.
    func step(
        _ gradient: [Scalar], weights: [Scalar]? = nil, options: SOAPOptions, workspace: Workspace = Workspace()
    ) -> (update: [Scalar], report: StepReport) {
        var update = [Scalar](repeating: .nan, count: gradient.count)
        let weights = weights ?? [Scalar](repeating: 0, count: gradient.count)
        let report = gradient.withUnsafeBufferPointer { gradient in
            weights.withUnsafeBufferPointer { weights in
                update.withUnsafeMutableBufferPointer { update in
                    step(
                        gradient: gradient, weights: weights, options: options, learningRate: options.learningRate, update: update,
                        workspace: workspace)
                }
            }
        }
        return (update, report)
    }

    /// A tensor of state as an array.
    func elements(_ key: StateKey) -> [Scalar] { withState(key) { Array($0) } }

    var stateIsFinite: Bool { stateKeys.allSatisfy { elements($0).allSatisfy(\.isFinite) } }
}

extension SOAPOptions {
    /// Default options with some changed.
    init(learningRate: Double = 0.003, _ change: (inout SOAPOptions) -> Void) {
        self.init(learningRate: learningRate)
        change(&self)
    }
}

/// The relative error ‖values − expected‖/‖expected‖, or ‖values‖ if nothing was expected.
func relativeError<Scalar: BLASScalar>(_ values: [Scalar], _ expected: [Scalar]) -> Double {
    let difference = zip(values, expected).map { $0 - $1 }
    let norm = Scalar.sumOfSquares(expected, count: expected.count)
    let error = Scalar.sumOfSquares(difference, count: difference.count)
    return (norm == 0 ? error : error / norm).squareRoot()
}
