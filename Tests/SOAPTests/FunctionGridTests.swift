import LinearAlgebra
import SOAP
import Testing

/// Each documented function on every awkward kind of gradient, and on the factors that come from it.
@Suite struct FunctionGridTests {
    static let gradients: [String: Tensor<Float>] = [
        "well-conditioned": Tensor(rows: [[3, 1, 0, 0], [0, 2, 1, 0], [1, 0, 4, 1], [0, 0, 1, 5]]),
        "rank-deficient": Tensor(rows: [[1, 2, 3], [2, 4, 6], [-1, -2, -3], [0, 0, 0]]),
        "diagonal": Tensor(rows: [[1, 0, 0], [0, -7, 0], [0, 0, 3]]),
        "1×1": Tensor(rows: [[-4]]),
        "1×n": Tensor(rows: [[1, -2, 3, 0.5]]),
        // 2I − 2/9·vvᵀ with v = (1, 2, −1): singular values 2, 2 and 2/3, along directions that are not the axes.
        "tied": Tensor(rows: [[16.0 / 9, -4.0 / 9, 2.0 / 9], [-4.0 / 9, 10.0 / 9, 4.0 / 9], [2.0 / 9, 4.0 / 9, 16.0 / 9]]),
    ]

    static let names = gradients.keys.sorted()

    /// A gradient G with its factors G·Gᵀ and Gᵀ·G, and their eigenvectors.
    struct Input {
        let gradient: Tensor<Float>
        let factors: [Tensor<Float>]
        let bases: [Tensor<Float>]

        init(named name: String) throws {
            gradient = try #require(FunctionGridTests.gradients[name])
            let transposed = FunctionGridTests.transpose(gradient)
            factors = [
                FunctionGridTests.product(gradient, transposed), FunctionGridTests.product(transposed, gradient),
            ]
            bases = try factors.map { try SOAPFunctions.eighWithFallback($0).eigenvectors }
        }
    }

    @Test(arguments: names)
    func preconditionMultipliesByTheBasesAndBack(name: String) throws {
        let input = try Input(named: name)
        let into = try SOAPFunctions.precondition(input.gradient, bases: input.bases)
        let expected = product(product(transpose(input.bases[0]), input.gradient), input.bases[1])
        #expect(relativeError(into.elements, expected.elements) < 1e-6 && into.shape == input.gradient.shape)
        let back = try SOAPFunctions.precondition(into, bases: input.bases, dims: [[0], [1]])
        #expect(relativeError(back.elements, input.gradient.elements) < 1e-6)
        // One basis only: the dimensions change places.
        let half = try SOAPFunctions.precondition(input.gradient, bases: [input.bases[0]])
        #expect(relativeError(half.elements, product(transpose(input.gradient), input.bases[0]).elements) < 1e-6)
        #expect(try SOAPFunctions.precondition(input.gradient) == input.gradient)
    }

    @Test(arguments: names, [false, true])
    func factorsBeginAtZero(name: String, precondition1D: Bool) throws {
        let gradient = try #require(FunctionGridTests.gradients[name])
        let factors = SOAPFunctions.initKroneckerFactors(gradient, precondition1D: precondition1D)
        #expect(factors == gradient.shape.map { Tensor(shape: [$0, $0]) })
    }

    @Test(arguments: names)
    func factorsMoveTowardsTheGradientTimesItself(name: String) throws {
        let input = try Input(named: name)
        var factors = SOAPFunctions.initKroneckerFactors(input.gradient)
        for _ in 0..<2 { try SOAPFunctions.updateKroneckerFactors(&factors, grad: input.gradient, shampooBeta: 0.75) }
        for (factor, gram) in zip(factors, input.factors) {
            // 0.75 · 0.25 + 0.25
            #expect(relativeError(factor.elements, gram.elements.map { $0 * 0.4375 }) < 1e-6)
            #expect(factor == transpose(factor))
        }
    }

    @Test(arguments: names, [-1, -0.5])
    func klShampooDividesByTheOtherSidesEigenvalues(name: String, exponent: Double) throws {
        let input = try Input(named: name)
        let eps = 0.25
        var factors = input.factors
        try SOAPFunctions.updateKroneckerFactorsKLShampoo(
            &factors, grad: input.gradient, shampooBeta: 0.5, bases: input.bases, eps: eps, eigvalExp: exponent)
        for side in 0..<2 {
            let gradient = side == 0 ? input.gradient : transpose(input.gradient)
            let (other, basis) = (input.factors[1 - side], input.bases[1 - side])
            let n = basis.shape[0]
            let values = product(product(transpose(basis), other), basis)
            var scaled = product(gradient, basis)
            for j in 0..<n {
                let lambda = max(Double(values[j, j]), eps)
                let root = (power(lambda, exponent) / Double(n)).squareRoot()
                for i in 0..<gradient.shape[0] { scaled[i, j] *= Float(root) }
            }
            let fresh = product(scaled, transpose(scaled))
            let expected = zip(input.factors[side].elements, fresh.elements).map { 0.5 * $0 + 0.5 * $1 }
            #expect(relativeError(factors[side].elements, expected) < 1e-5)
        }
    }

    @Test(arguments: names)
    func sortingBringsEigenvaluesIntoDescendingOrder(name: String) throws {
        let input = try Input(named: name)
        let squares = numbered(input.gradient.shape)
        let identity = input.factors.map { Tensor<Float>.identity($0.shape[0]) }
        let sorted = try SOAPFunctions.sortEigenbasisByApproxEigvals(input.factors, bases: identity, expAvgSq: squares)
        for (factor, basis) in zip(input.factors, sorted.bases) {
            let values = try SOAPFunctions.conjugate(factor, basis, diag: true).elements
            #expect(values == values.sorted(by: >))
            #expect(values.sorted() == (0..<factor.shape[0]).map { factor[$0, $0] }.sorted())
        }
        // Columns of the identity, reordered, are a permutation: it must be the one of the axes.
        let permuted = product(product(transpose(sorted.bases[0]), squares), sorted.bases[1])
        #expect(sorted.expAvgSq == permuted)
    }

    @Test(arguments: names)
    func fullDecompositionsDiagonaliseTheirFactors(name: String) throws {
        let input = try Input(named: name)
        for basis in [try SOAPFunctions.getEigenbasisEigh(input.factors), try SOAPFunctions.getEigenbasisEigh(input.factors, eps: 1e-3)] {
            for (factor, basis) in zip(input.factors, basis) { try check(basis, diagonalises: factor) }
        }
        // Eigenvectors meet the criterion and stay.
        let kept = try SOAPFunctions.getEigenbasisEigh(
            input.factors, bases: input.bases, useAdaptiveCriteria: true, adaptiveUpdateTolerance: 1e-5)
        #expect(kept == input.bases)
    }

    @Test(arguments: names)
    func orthogonalIterationStaysWithEigenvectors(name: String) throws {
        let input = try Input(named: name)
        let squares = numbered(input.gradient.shape)
        for rounds in [1, 3] {
            let refreshed = try SOAPFunctions.getEigenbasisQR(input.factors, bases: input.bases, expAvgSq: squares, powerIterSteps: rounds)
            for (factor, basis) in zip(input.factors, refreshed.bases) { try check(basis, diagonalises: factor) }
            #expect(refreshed.expAvgSq?.elements.sorted() == squares.elements)
            for (index, factor) in input.factors.enumerated() {
                let single = try SOAPFunctions.orthogonalIteration(factor: factor, basis: input.bases[index], powerIterSteps: rounds)
                try check(single, diagonalises: factor)
            }
        }
    }

    @Test(arguments: names, [false, true])
    func momentumKeepsItsMeaning(name: String, useEigh: Bool) throws {
        let input = try Input(named: name)
        let momentum = numbered(input.gradient.shape)
        let identity = input.factors.map { Tensor<Float>.identity($0.shape[0]) }
        let updated = try SOAPFunctions.updateEigenbasisAndMomentum(
            input.factors, bases: identity, expAvgSq: momentum, momentum: momentum, useEigh: useEigh)
        let back = try SOAPFunctions.precondition(updated.momentum, bases: updated.bases, dims: [[0], [1]])
        #expect(relativeError(back.elements, momentum.elements) < 1e-5)
        #expect(updated.expAvgSq.elements.sorted() == momentum.elements)
        for (factor, basis) in zip(input.factors, updated.bases) where useEigh { try check(basis, diagonalises: factor) }
    }

    @Test(arguments: names)
    func theCriterionHoldsForEigenvectorsAndTheirDiagonalIsTheirConjugates(name: String) throws {
        let input = try Input(named: name)
        for (factor, basis) in zip(input.factors, input.bases) {
            let whole = try SOAPFunctions.conjugate(factor, basis)
            #expect(relativeError(whole.elements, product(product(transpose(basis), factor), basis).elements) < 1e-5)
            let diagonal = try SOAPFunctions.conjugate(factor, basis, diag: true).elements
            #expect(relativeError(diagonal, (0..<factor.shape[0]).map { whole[$0, $0] }) < 1e-5)
            #expect(try SOAPFunctions.metApproxEigvalsCriteria(factor: factor, approxEigvals: diagonal, tolerance: 1e-5))
            let halves = diagonal.map { $0 / 2 }
            #expect(try !SOAPFunctions.metApproxEigvalsCriteria(factor: factor, approxEigvals: halves, tolerance: 0.25))
        }
    }

    /// Orthonormal, off the diagonal nothing, and descending.
    private func check(_ basis: Tensor<Float>, diagonalises factor: Tensor<Float>) throws {
        let n = factor.shape[0]
        #expect(relativeError(product(transpose(basis), basis).elements, Tensor<Float>.identity(n).elements) < 1e-5)
        let conjugated = product(product(transpose(basis), factor), basis)
        var diagonal = Tensor<Float>(shape: [n, n])
        for i in 0..<n { diagonal[i, i] = conjugated[i, i] }
        #expect(relativeError(conjugated.elements, diagonal.elements) < 1e-5)
        for i in 1..<max(n, 1) { #expect(diagonal[i, i] <= diagonal[i - 1, i - 1] + diagonal[0, 0] * 1e-5) }
    }

    /// 1, 2, 3, …, so that every element can be told from the others.
    private func numbered(_ shape: [Int]) -> Tensor<Float> {
        Tensor(shape: shape, elements: (0..<shape.reduce(1, *)).map { Float($0 + 1) })
    }

    private func power(_ base: Double, _ exponent: Double) -> Double { exponent == -1 ? 1 / base : 1 / base.squareRoot() }

    private func transpose(_ matrix: Tensor<Float>) -> Tensor<Float> { FunctionGridTests.transpose(matrix) }

    private func product(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Tensor<Float> { FunctionGridTests.product(a, b) }

    private static func transpose(_ matrix: Tensor<Float>) -> Tensor<Float> {
        var result = Tensor<Float>(shape: matrix.shape.reversed())
        for i in 0..<matrix.shape[0] {
            for j in 0..<matrix.shape[1] { result[j, i] = matrix[i, j] }
        }
        return result
    }

    private static func product(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Tensor<Float> {
        var result = Tensor<Float>(shape: [a.shape[0], b.shape[1]])
        for i in 0..<a.shape[0] {
            for j in 0..<b.shape[1] {
                result[i, j] = Float((0..<b.shape[0]).reduce(0.0) { $0 + Double(a[i, $1]) * Double(b[$1, j]) })
            }
        }
        return result
    }
}
