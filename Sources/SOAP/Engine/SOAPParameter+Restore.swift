import Foundation
import LinearAlgebra

extension SOAPParameter {
    /// A parameter in a state that it had before; its next steps are bit for bit those of one that never stopped.
    ///
    /// - Parameters:
    ///   - shape: a shape that `options` are valid for.
    ///   - options: with the structural options of the parameter that the state comes from.
    ///   - step: how many steps were applied.
    ///   - lastRefreshStep: the step, 1-based, that last made a basis anew; nil if there are no bases.
    ///   - keys: the tensors that there are: moments, the factors of preconditioned dimensions, all bases or none.
    ///   - fill: writes the elements of a tensor, row-major; called once for each key.
    /// - Throws: ``SOAPStateError`` for state that cannot have been reached (missing or foreign tensors, values that are not
    ///   finite or out of range, factors that are not symmetric, bases that are not orthogonal), and what `fill` throws.
    /// - Complexity: O(elements of state).
    public convenience init(
        restoring shape: [Int], options: SOAPOptions, step: Int, lastRefreshStep: Int?, keys: [StateKey],
        fill: (StateKey, UnsafeMutableBufferPointer<Scalar>) throws -> Void
    ) throws {
        self.init(shape: shape, options: options)
        guard step >= 0 else { throw SOAPStateError(key: nil, reason: "the step must be at least 0, not \(step)") }
        if let lastRefreshStep {
            guard !sides.isEmpty else {
                throw SOAPStateError(key: nil, reason: "a parameter without factors has no bases that were made at step \(lastRefreshStep)")
            }
            guard (1...max(step, 1)).contains(lastRefreshStep), step > 0 else {
                throw SOAPStateError(key: nil, reason: "the last refresh, step \(lastRefreshStep), must be one of \(step) steps")
            }
        }
        self.step = step
        self.lastRefreshStep = lastRefreshStep
        let expected = stateKeys
        for key in expected where !keys.contains(key) { throw SOAPStateError(key: key, reason: "is missing") }
        for key in keys where !expected.contains(key) {
            throw SOAPStateError(key: key, reason: "does not belong to a parameter of shape \(shape) in this state")
        }
        guard keys.count == expected.count else { throw SOAPStateError(key: nil, reason: "a tensor is named twice") }
        for key in keys {
            guard let buffer = buffer(of: key) else { continue }
            try fill(key, buffer.mutableElements)
        }
        try validateState()
    }

    /// Checks what ``canTake(squaredNorm:squaredWeightNorm:shape:options:)`` builds on.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func validateState() throws(SOAPStateError) {
        let limit = SOAPParameter.largestSquaredNorm
        guard Scalar.allFinite(expAvg.base, count: count) else { throw SOAPStateError(key: .expAvg, reason: "is not finite") }
        // Twice what a gradient may have: averages and rotations round upwards too.
        guard Scalar.sumOfSquares(expAvg.base, count: count) <= 2 * limit else {
            throw SOAPStateError(key: .expAvg, reason: "is too large")
        }
        guard expAvgSq.elements.allSatisfy({ $0 >= 0 && $0.asDouble <= 2 * limit }) else {
            throw SOAPStateError(key: .expAvgSq, reason: "has a value that is negative, too large or not a number")
        }
        for side in sides {
            try validateFactor(side, limit: 2 * limit)
            if hasBases { try validateBasis(side) }
        }
    }

    private func validateFactor(_ side: Side<Scalar>, limit: Double) throws(SOAPStateError) {
        let n = side.size
        let factor = side.factor.base
        let largest = Scalar.largestDiagonal(factor, n: n)
        // Below the normal range rounding is absolute.
        let tolerance = largest / 1024 + Scalar.leastNormalMagnitude
        for i in 0..<n {
            guard factor[i * n + i] >= 0, factor[i * n + i].asDouble <= limit else {
                throw SOAPStateError(key: .factor(side.dimension), reason: "has a diagonal that is negative, too large or not a number")
            }
            // A positive semi-definite matrix has its largest element on the diagonal.
            for j in 0..<i {
                let above = factor[j * n + i]
                let below = factor[i * n + j]
                guard abs(above - below) <= tolerance, abs(above) <= largest + tolerance else {
                    throw SOAPStateError(key: .factor(side.dimension), reason: "is not symmetric and positive semi-definite")
                }
            }
        }
    }

    /// Checks that QᵀQ·x is x for an arbitrary x, which costs n² where the whole product would cost n³.
    private func validateBasis(_ side: Side<Scalar>) throws(SOAPStateError) {
        let n = side.size
        let basis = side.basis.base
        var difference = [Double](repeating: 0, count: n)
        var probe = [Double](repeating: 0, count: n)
        for i in 0..<n { probe[i] = cos(Double(i * i + 1)) }
        for i in 0..<n { difference[i] = -probe[i] }
        for i in 0..<n {
            let row = basis + i * n
            var image = 0.0
            for j in 0..<n { image += row[j].asDouble * probe[j] }
            for j in 0..<n { difference[j] += row[j].asDouble * image }
        }
        let error = Double.sumOfSquares(difference, count: n).squareRoot()
        let norm = Double.sumOfSquares(probe, count: n).squareRoot()
        guard error <= 0.05 * norm else { throw SOAPStateError(key: .basis(side.dimension), reason: "is not orthogonal") }
    }
}
