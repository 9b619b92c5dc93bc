import Foundation
import LinearAlgebra

/// One step of the inner Adam, element by element: the moving averages and the quotient of their corrected values.
struct Moments<Scalar: BLASScalar> {
    private let coefficients: MomentCoefficients<Scalar>

    /// A quotient beyond this can only come from a second moment that has become zero, or nearly so, under a larger first one; it is
    /// clamped so that neither projecting back nor scaling by the learning rate overflows, nor a sum of squares in double precision.
    static var limit: Scalar {
        Scalar(sign: .plus, exponent: min(Scalar.greatestFiniteMagnitude.exponent / 8 * 5, 400), significand: 1)
    }

    /// - Parameters:
    ///   - step: the step that is taken, 1-based.
    ///   - limit: of the type that keeps state and update.
    init(options: SOAPOptions, step: Int, limit: Scalar = Moments.limit) {
        let correction1 = options.correctBias ? 1 - pow(options.beta1, Double(step)) : 1
        let correction2 = options.correctBias ? 1 - pow(options.beta2, Double(step)) : 1
        let nextCorrection1 = options.correctBias ? 1 - pow(options.beta1, Double(step + 1)) : 1
        coefficients = MomentCoefficients(
            keep1: Scalar(options.beta1), take1: Scalar(1 - options.beta1), keep2: Scalar(options.beta2), take2: Scalar(1 - options.beta2),
            momentFactor: Scalar(options.useNesterov ? options.beta1 / nextCorrection1 : 1 / correction1),
            gradientFactor: Scalar(options.useNesterov ? (1 - options.beta1) / correction1 : 0),
            rootFactor: Scalar(1 / correction2.squareRoot()), epsilon: max(Scalar(options.epsilon), .leastNormalMagnitude),
            limit: limit)
    }

    /// Updates both moments with a gradient and writes the direction.
    ///
    /// - Parameter direction: may be the gradient's own memory.
    func advance(
        gradient: UnsafePointer<Scalar>, first: UnsafeMutablePointer<Scalar>, second: UnsafeMutablePointer<Scalar>,
        direction: UnsafeMutablePointer<Scalar>, count: Int, kernels: ProductKernels
    ) {
        Scalar.advanceMoments(
            coefficients, gradient: gradient, first: first, second: second, direction: direction, count: count, kernels: kernels)
    }
}
