import LinearAlgebra
import Testing

@testable import SOAP

/// What happens where a decomposition fails in single precision, and where it fails altogether.
@Suite struct FailingDecompositionTests {
    /// Finite, but next to its diagonal so large that scaling by the diagonal leaves single precision; its eigenvalues are
    /// 2e9, −1e9 and −1e9.
    static let beyondFloat = Tensor<Float>(rows: [[1e-30, 1e9, 1e9], [1e9, 1e-30, 1e9], [1e9, 1e9, 1e-30]])

    @Test func whatFailsInSinglePrecisionIsRightInDouble() throws {
        let matrix = FailingDecompositionTests.beyondFloat
        var spare = matrix.elements
        #expect(Float.eigh(matrix.elements, n: 3, vectors: &spare, workspace: Workspace()) == .doneInDouble)
        let (values, vectors) = try SOAPFunctions.eighWithFallback(matrix)
        #expect(relativeError(values, [2e9, -1e9, -1e9]) < 1e-6)
        for j in 0..<3 {
            for i in 0..<3 {
                let image = (0..<3).reduce(0) { $0 + Double(matrix[i, $1]) * Double(vectors[$1, j]) }
                #expect(abs(image - Double(values[j]) * Double(vectors[i, j])) < 2e3)
            }
        }
        #expect(orthogonalityError(vectors.elements, 3) < 1e-6)
        #expect(try SOAPFunctions.getEigenbasisEigh([matrix]) == [vectors])
    }

    @Test func eigenvaluesBeyondTheTypeAreAFailureAndNotInfinite() {
        let matrix = Tensor<Float>(rows: [[3e38, 3e38], [3e38, 3e38]])
        #expect(throws: SOAPFunctionError.self) { try SOAPFunctions.eighWithFallback(matrix) }
    }

    /// No gradients lead to such a factor: it is put there.
    @Test func aStepReportsWhatWasDoneInDouble() {
        let options = SOAPOptions {
            $0.useEigh = true
            $0.correctBias = false
        }
        let parameter = started([3, 2], options)
        set(.factor(0), of: parameter, to: FailingDecompositionTests.beyondFloat.elements)
        let (update, report) = parameter.step([Float](repeating: 0, count: 6), options: options)
        #expect(report.doubleFallbacks == 1 && report.failedDecompositions == 0 && report.refreshed)
        #expect(update.allSatisfy(\.isFinite) && parameter.stateIsFinite)
        let basis = parameter.elements(.basis(0))
        #expect(orthogonalityError(basis, 3) < 1e-6)
        // The eigenvector of 2e9, whatever its sign.
        for i in 0..<3 { #expect(abs(abs(basis[i * 3]) - 1 / Float(3).squareRoot()) < 1e-6) }
    }

    @Test(arguments: [false, true])
    func whereEveryPrecisionFailsTheOldBasisStaysAndTheStepIsTaken(useEigh: Bool) {
        let options = SOAPOptions { $0.useEigh = useEigh }
        let parameter = started([3, 2], options)
        let before = (parameter.elements(.basis(0)), parameter.elements(.basis(1)), parameter.step)
        set(.factor(0), of: parameter, to: [Float](repeating: .nan, count: 9))
        let (update, report) = parameter.step([1, -2, 3, 4, 5, -6], options: options)
        #expect(report.failedDecompositions == 1 && report.doubleFallbacks == 0 && report.refreshed)
        #expect(parameter.elements(.basis(0)) == before.0 && parameter.elements(.basis(1)) != before.1)
        #expect(parameter.step == before.2 + 1 && parameter.lastRefreshStep == parameter.step)
        #expect(update.allSatisfy(\.isFinite) && update.contains { $0 != 0 })
        for key in [StateKey.expAvg, .expAvgSq] { #expect(parameter.elements(key).allSatisfy { $0.isFinite }) }
    }

    @Test func withoutAFirstBasisTheStepIsAdams() {
        let options = SOAPOptions { $0.adamWarmupSteps = 2 }
        let (parameter, adam) = (started([3, 2], options), started([3, 2], options))
        set(.factor(1), of: parameter, to: [Float](repeating: .nan, count: 4))
        let gradient: [Float] = [1, -2, 3, 4, 5, -6]
        let (update, report) = parameter.step(gradient, options: options)
        #expect(report.failedDecompositions == 1 && !report.refreshed && !parameter.hasBases)
        let expected = adam.step(gradient, options: SOAPOptions { $0.adamWarmupSteps = 100 }).update
        #expect(relativeError(update, expected) < 1e-6)
    }

    /// A parameter after two steps.
    private func started(_ shape: [Int], _ options: SOAPOptions) -> SOAPParameter<Float> {
        let parameter = SOAPParameter<Float>(shape: shape, options: options)
        var random = TestRandom(state: 9)
        for _ in 0..<2 { _ = parameter.step(random.tensor(shape).elements, options: options) }
        return parameter
    }

    private func set(_ key: StateKey, of parameter: SOAPParameter<Float>, to elements: [Float]) {
        _ = parameter.buffer(of: key)?.mutableElements.update(fromContentsOf: elements)
    }

    private func orthogonalityError(_ basis: [Float], _ n: Int) -> Double {
        var gram = [Float](repeating: 0, count: n * n)
        Float.accumulateGram(of: basis, along: Mode(outer: n, size: n, inner: 1), alpha: 1, beta: 0, into: &gram)
        return relativeError(gram, Tensor<Float>.identity(n).elements)
    }
}
