import Foundation
import LinearAlgebra

/// One step of the inner Adam, element by element: the moving averages and the quotient of their corrected values.
struct Moments<Scalar: BLASScalar> {
    private let keep1, take1, keep2, take2: Scalar
    /// Factors of the first moment and of the gradient in the numerator.
    private let momentFactor, gradientFactor: Scalar
    /// The root of the second moment's bias correction.
    private let rootFactor: Scalar
    private let epsilon: Scalar

    /// A quotient beyond this can only come from a second moment that underflowed to zero under a larger first one; it is
    /// clamped so that neither projecting back nor scaling by the learning rate overflows.
    static var limit: Scalar {
        Scalar(sign: .plus, exponent: Scalar.greatestFiniteMagnitude.exponent / 8 * 5, significand: 1)
    }

    /// - Parameter step: the step that is taken, 1-based.
    init(options: SOAPOptions, step: Int) {
        keep1 = Scalar(options.beta1)
        take1 = Scalar(1 - options.beta1)
        keep2 = Scalar(options.beta2)
        take2 = Scalar(1 - options.beta2)
        let correction1 = options.correctBias ? 1 - pow(options.beta1, Double(step)) : 1
        let correction2 = options.correctBias ? 1 - pow(options.beta2, Double(step)) : 1
        let nextCorrection1 = options.correctBias ? 1 - pow(options.beta1, Double(step + 1)) : 1
        momentFactor = Scalar(options.useNesterov ? options.beta1 / nextCorrection1 : 1 / correction1)
        gradientFactor = Scalar(options.useNesterov ? (1 - options.beta1) / correction1 : 0)
        rootFactor = Scalar(1 / correction2.squareRoot())
        epsilon = max(Scalar(options.epsilon), .leastNormalMagnitude)
    }

    /// Updates both moments with a gradient and writes the direction.
    ///
    /// - Parameter direction: may be the gradient's own memory.
    func advance(
        gradient: UnsafePointer<Scalar>, first: UnsafeMutablePointer<Scalar>, second: UnsafeMutablePointer<Scalar>,
        direction: UnsafeMutablePointer<Scalar>, count: Int
    ) {
        let vectorised = count & ~7
        for index in stride(from: 0, to: vectorised, by: 8) {
            let g = load(gradient + index)
            let m = keep1 * load(first + index) + take1 * g
            let v = keep2 * load(second + index) + take2 * (g * g)
            store(m, first + index)
            store(v, second + index)
            store(quotient(m, g, v), direction + index)
        }
        for index in vectorised..<count {
            let g = gradient[index]
            let m = keep1 * first[index] + take1 * g
            let v = keep2 * second[index] + take2 * (g * g)
            first[index] = m
            second[index] = v
            direction[index] = quotient(SIMD8(repeating: m), SIMD8(repeating: g), SIMD8(repeating: v))[0]
        }
    }

    @inline(__always)
    private func quotient(_ m: SIMD8<Scalar>, _ g: SIMD8<Scalar>, _ v: SIMD8<Scalar>) -> SIMD8<Scalar> {
        let numerator = momentFactor * m + gradientFactor * g
        let quotient = numerator / (rootFactor * v.squareRoot() + epsilon)
        return quotient.clamped(lowerBound: SIMD8(repeating: -Moments.limit), upperBound: SIMD8(repeating: Moments.limit))
    }

    @inline(__always)
    private func load(_ pointer: UnsafePointer<Scalar>) -> SIMD8<Scalar> {
        UnsafeRawPointer(pointer).loadUnaligned(as: SIMD8<Scalar>.self)
    }

    @inline(__always)
    private func store(_ value: SIMD8<Scalar>, _ pointer: UnsafeMutablePointer<Scalar>) {
        UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: SIMD8<Scalar>.self)
    }
}
