import Foundation
import LinearAlgebra
import SOAP
import Testing

/// The documented functions, on factors of every awkward kind.
@Suite struct SOAPFunctionsTests {
    /// Symmetric positive semi-definite matrices.
    static let factors: [String: Tensor<Float>] = [
        "well-conditioned": gram(Tensor(rows: [[3, 1, 0, 0], [0, 2, 1, 0], [1, 0, 4, 1], [0, 0, 1, 5]])),
        "rank-deficient": gram(Tensor(rows: [[1, 2, 3, 4]])),
        "diagonal": Tensor(rows: [[1, 0, 0], [0, 7, 0], [0, 0, 3]]),
        "1×1": Tensor(rows: [[4]]),
        "tied": Tensor(rows: [[2, 0, 1], [0, 3, 0], [1, 0, 2]]),
        "zero": Tensor(shape: [3, 3]),
        "tiny": gram(Tensor(rows: [[3e-20, 1e-20], [0, 2e-20]])),
        "huge": gram(Tensor(rows: [[3e15, 1e15], [0, 2e15]])),
    ]

    @Test(arguments: factors.keys.sorted())
    func eigenvectorsDiagonaliseTheirFactorDescending(name: String) throws {
        let factor = try #require(SOAPFunctionsTests.factors[name])
        for forceDouble in [false, true] {
            let (values, vectors) = try SOAPFunctions.eighWithFallback(factor, forceDouble: forceDouble)
            #expect(values == values.sorted(by: >))
            #expect(orthogonalityError(vectors) < 1e-5)
            let conjugated = try SOAPFunctions.conjugate(factor, vectors)
            var expected = Tensor<Float>(shape: factor.shape)
            for (i, value) in values.enumerated() { expected[i, i] = value }
            #expect(relativeError(conjugated.elements, expected.elements) < 2e-5)
            let diagonal = try SOAPFunctions.conjugate(factor, vectors, diag: true)
            #expect(relativeError(diagonal.elements, values) < 2e-5)
            #expect(try SOAPFunctions.getEigenbasisEigh([factor, .empty])[1].isEmpty)
        }
    }

    @Test(arguments: factors.keys.sorted())
    func orthogonalIterationComesToTheEigenvectors(name: String) throws {
        let factor = try #require(SOAPFunctionsTests.factors[name])
        let n = factor.shape[0]
        let values = try SOAPFunctions.eighWithFallback(factor).eigenvalues
        let start = try SOAPFunctions.sortEigenbasisByApproxEigvals(
            [factor, .empty], bases: [.identity(n), .empty], expAvgSq: Tensor(shape: [n, 2])
        ).bases[0]
        let basis = try SOAPFunctions.orthogonalIteration(factor: factor, basis: start, powerIterSteps: 60)
        #expect(orthogonalityError(basis) < 1e-5)
        let approximate = try SOAPFunctions.conjugate(factor, basis, diag: true).elements
        #expect(relativeError(approximate, values) < 1e-3)
        #expect(try SOAPFunctions.metApproxEigvalsCriteria(factor: factor, approxEigvals: approximate, tolerance: 1e-3))
    }

    @Test func aDiagonalMatrixIsSortedWithoutADecomposition() throws {
        let (values, vectors) = try SOAPFunctions.eighWithFallback(Tensor<Float>(rows: [[1, 0, 0], [0, 7, 0], [0, 0, 3]]))
        #expect(values == [7, 3, 1])
        #expect(vectors == Tensor(rows: [[0, 0, 1], [1, 0, 0], [0, 1, 0]]))
        #expect(try SOAPFunctions.eighWithFallback(Tensor<Float>(shape: [2, 2])).eigenvectors == .identity(2))
        #expect(try SOAPFunctions.eighWithFallback(Tensor<Float>.empty).eigenvalues == [])
    }

    @Test func aBasisStaysWhenItsFactorCannotBeDecomposed() throws {
        let spoiled = Tensor<Float>(rows: [[1, .nan], [.nan, 1]])
        let tensor = Tensor<Float>(rows: [[1, 2], [3, 4]])
        let basis = Tensor<Float>.identity(2)
        for useEigh in [false, true] {
            let kept = try SOAPFunctions.updateEigenbasisAndMomentum(
                [spoiled, .empty], bases: [basis, .empty], expAvgSq: tensor, momentum: tensor, useEigh: useEigh)
            #expect(kept.bases == [basis, .empty] && kept.momentum == tensor && kept.expAvgSq == tensor)
        }
        #expect(try SOAPFunctions.getEigenbasisEigh([spoiled], bases: [basis]) == [basis])
        #expect(throws: SOAPFunctionError.self) { try SOAPFunctions.getEigenbasisEigh([spoiled]) }
        #expect(throws: SOAPFunctionError.self) { try SOAPFunctions.eighWithFallback(Tensor<Float>(rows: [[.infinity]])) }
    }

    @Test func addingEpsMovesEigenvaluesAndNotEigenvectors() throws {
        let factor = try #require(SOAPFunctionsTests.factors["well-conditioned"])
        let plain = try SOAPFunctions.getEigenbasisEigh([factor])[0]
        let shifted = try SOAPFunctions.getEigenbasisEigh([factor], eps: 10)[0]
        for j in 0..<4 {
            let cosine = (0..<4).reduce(0) { $0 + plain[$1, j] * shifted[$1, j] }
            #expect(abs(abs(cosine) - 1) < 1e-5)
        }
    }

    @Test func preconditionContractsAndCyclesDimensions() throws {
        var random = TestRandom(state: 5)
        let grad: Tensor<Double> = random.tensor([3, 2, 4])
        let bases: [Tensor<Double>] = try [3, 2, 4].map {
            let matrix: Tensor<Double> = random.tensor([$0, $0])
            return try SOAPFunctions.eighWithFallback(SOAPFunctionsTests.gram(matrix)).eigenvectors
        }
        let into = try SOAPFunctions.precondition(grad, bases: bases)
        #expect(into.shape == [3, 2, 4])
        var element = 0.0
        for a in 0..<3 {
            for b in 0..<2 {
                for c in 0..<4 { element += grad.elements[a * 8 + b * 4 + c] * bases[0][a, 1] * bases[1][b, 0] * bases[2][c, 3] }
            }
        }
        #expect(abs(into.elements[8 + 3] - element) < 1e-12)
        let back = try SOAPFunctions.precondition(into, bases: bases, dims: [[0], [1]])
        #expect(relativeError(back.elements, grad.elements) < 1e-12)

        #expect(try SOAPFunctions.precondition(grad) == grad)
        let matrix: Tensor<Double> = random.tensor([10, 20])
        let partial = try SOAPFunctions.precondition(matrix, bases: [.identity(10)])
        #expect(partial.shape == [20, 10] && partial[7, 3] == matrix[3, 7])
        #expect(try SOAPFunctions.precondition(matrix, bases: [.empty, .empty]) == matrix)
        #expect(try SOAPFunctions.precondition(matrix, bases: [.empty]).shape == [20, 10])
        #expect(throws: SOAPFunctionError.self) { try SOAPFunctions.precondition(matrix, bases: [.identity(9)]) }
        #expect(throws: SOAPFunctionError.self) { try SOAPFunctions.precondition(matrix, bases: [], dims: [[1], [0]]) }
    }

    @Test func factorsContractTheGradientWithItself() throws {
        let grad = Tensor<Float>(rows: [[1, 2, 3], [4, 5, 6]])
        var factors = SOAPFunctions.initKroneckerFactors(grad)
        #expect(factors.map(\.shape) == [[2, 2], [3, 3]])
        try SOAPFunctions.updateKroneckerFactors(&factors, grad: grad, shampooBeta: 0.5)
        #expect(factors[0] == Tensor(rows: [[7, 16], [16, 38.5]]))
        #expect(factors[1] == Tensor(rows: [[8.5, 11, 13.5], [11, 14.5, 18], [13.5, 18, 22.5]]))
        try SOAPFunctions.updateKroneckerFactors(&factors, grad: grad, shampooBeta: 0.5)
        #expect(factors[0] == Tensor(rows: [[10.5, 24], [24, 57.75]]))
        #expect(throws: SOAPFunctionError.self) {
            try SOAPFunctions.updateKroneckerFactors(&factors, grad: Tensor<Float>(shape: [3, 2]), shampooBeta: 0.5)
        }
    }

    @Test(arguments: [[3, 0], [0, 3], [0, 3, 2], [3, 0, 2], [2, 3, 0]])
    func aGradientWithoutElementsOnlyLetsFactorsFade(shape: [Int]) throws {
        let grad = Tensor<Float>(shape: shape)
        var factors = SOAPFunctions.initKroneckerFactors(grad).map { Tensor<Float>(shape: $0.shape, elements: $0.elements.map { _ in 4 }) }
        try SOAPFunctions.updateKroneckerFactors(&factors, grad: grad, shampooBeta: 0.25)
        #expect(factors.allSatisfy { $0.elements.allSatisfy { $0 == 1 } })
        #expect(factors.map(\.shape) == shape.map { [$0, $0] })
        let bases = factors.map { $0.isEmpty ? .empty : Tensor<Float>.identity($0.shape[0]) }
        #expect(try SOAPFunctions.precondition(grad, bases: bases) == grad)
    }

    @Test func aVectorHasAFactorOnlyWhenAsked() throws {
        let grad = Tensor<Float>(shape: [2], elements: [1, 2])
        #expect(SOAPFunctions.initKroneckerFactors(grad) == [.empty])
        var factors = SOAPFunctions.initKroneckerFactors(grad, precondition1D: true)
        try SOAPFunctions.updateKroneckerFactors(&factors, grad: grad, shampooBeta: 0)
        #expect(factors == [Tensor(shape: [2, 2])])
        try SOAPFunctions.updateKroneckerFactors(&factors, grad: grad, shampooBeta: 0, precondition1D: true)
        #expect(factors == [Tensor(rows: [[1, 2], [2, 4]])])
        #expect(SOAPFunctions.initKroneckerFactors(Tensor<Float>(shape: [], elements: [3])).isEmpty)
    }

    @Test func klShampooWhitensWithTheOtherFactor() throws {
        let grad = Tensor<Double>(rows: [[1, 2], [3, 4], [5, 6]])
        var factors: [Tensor<Double>] = [Tensor(rows: [[2, 0, 0], [0, 4, 0], [0, 0, 0]]), Tensor(rows: [[8, 0], [0, 2]])]
        try SOAPFunctions.updateKroneckerFactorsKLShampoo(&factors, grad: grad, shampooBeta: 0, bases: [.empty, .identity(2)], eps: 1)
        // L = G·diag(1/8, 1/2)·Gᵀ/2, R = Gᵀ·diag(1/2, 1/4, 1/1)·G/3 with the third eigenvalue clamped.
        let left = Tensor<Double>(rows: [[1.0625, 2.1875, 3.3125], [2.1875, 4.5625, 6.9375], [3.3125, 6.9375, 10.5625]])
        let right = Tensor<Double>(rows: [[27.75 / 3, 34 / 3], [34 / 3, 42 / 3]])
        #expect(relativeError(factors[0].elements, left.elements) < 1e-12)
        #expect(relativeError(factors[1].elements, right.elements) < 1e-12)
        #expect(throws: SOAPFunctionError.self) {
            try SOAPFunctions.updateKroneckerFactorsKLShampoo(
                &factors, grad: Tensor(shape: [3]), shampooBeta: 0, bases: [.empty], eps: 1)
        }
    }

    @Test func sortingPermutesColumnsAndTheMatchingAxis() throws {
        let factors: [Tensor<Float>] = [Tensor(rows: [[1, 0], [0, 5]]), .empty]
        let squares = Tensor<Float>(rows: [[1, 2, 3], [4, 5, 6]])
        let sorted = try SOAPFunctions.sortEigenbasisByApproxEigvals(factors, bases: [.identity(2), .empty], expAvgSq: squares)
        #expect(sorted.bases == [Tensor(rows: [[0, 1], [1, 0]]), .empty])
        #expect(sorted.expAvgSq == Tensor(rows: [[4, 5, 6], [1, 2, 3]]))
        let refreshed = try SOAPFunctions.getEigenbasisQR(factors, bases: [.identity(2), .empty], expAvgSq: squares)
        #expect(refreshed.expAvgSq == sorted.expAvgSq)
        #expect(refreshed.bases[0].elements.map(abs) == sorted.bases[0].elements)
        let kept = try SOAPFunctions.getEigenbasisQR(
            factors, bases: [.identity(2), .empty], expAvgSq: squares, useAdaptiveCriteria: true)
        #expect(kept.expAvgSq == squares && kept.bases == [.identity(2), .empty])
    }

    @Test(arguments: [false, true])
    func momentumKeepsItsMeaningWhenBasesChange(useEigh: Bool) throws {
        var random = TestRandom(state: 11)
        let shape = [4, 3]
        let momentum: Tensor<Double> = random.tensor(shape)
        let squares: Tensor<Double> = random.tensor(shape)
        let factors: [Tensor<Double>] = shape.map { SOAPFunctionsTests.gram(random.tensor([$0, $0])) }
        let bases = try SOAPFunctions.getEigenbasisEigh(shape.map { SOAPFunctionsTests.gram(random.tensor([$0, $0])) as Tensor<Double> })
        let updated = try SOAPFunctions.updateEigenbasisAndMomentum(
            factors, bases: bases, expAvgSq: squares, momentum: momentum, useEigh: useEigh, powerIterSteps: 2)
        let before = try SOAPFunctions.precondition(momentum, bases: bases, dims: [[0], [1]])
        let after = try SOAPFunctions.precondition(updated.momentum, bases: updated.bases, dims: [[0], [1]])
        #expect(relativeError(after.elements, before.elements) < 1e-12)
        let sorted = try SOAPFunctions.sortEigenbasisByApproxEigvals(factors, bases: bases, expAvgSq: squares)
        #expect(updated.expAvgSq == sorted.expAvgSq)
        #expect(updated.bases != bases)
        #expect(throws: SOAPFunctionError.self) {
            try SOAPFunctions.updateEigenbasisAndMomentum(factors, bases: [bases[0]], expAvgSq: squares, momentum: momentum)
        }
    }

    private static func gram<Scalar: BLASScalar>(_ matrix: Tensor<Scalar>) -> Tensor<Scalar> {
        let n = matrix.shape[1]
        var result = Tensor<Scalar>(shape: [n, n])
        for i in 0..<n {
            for j in 0..<n {
                for k in 0..<matrix.shape[0] { result[i, j] += matrix[k, i] * matrix[k, j] }
            }
        }
        return result
    }

    private func orthogonalityError(_ basis: Tensor<Float>) -> Float {
        let product = SOAPFunctionsTests.gram(basis)
        let identity = Tensor<Float>.identity(basis.shape[0])
        return zip(product.elements, identity.elements).map { abs($0 - $1) }.max() ?? 0
    }
}
