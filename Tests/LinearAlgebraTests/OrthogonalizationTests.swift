import Foundation
import Testing

@testable import LinearAlgebra

/// Cholesky's way to Q against Householder's, which is slower and never fails.
@Suite struct OrthogonalizationTests {
    init() {
        // OpenBLAS gives other bits with other numbers of threads.
        BLAS.configure()
    }

    static let kernels = [ProductKernels.blas, .upTo(.avx2), .upTo(.avx512), .tilesForAll].compactMap { $0 }

    /// Eigenvalues of K, descending: of a network's factor, of one of low rank, of one with a hundred digits between them.
    enum Spectrum: CaseIterable {
        case flat, falling, steep, lowRank, negative

        func value(_ index: Int, of n: Int) -> Double {
            let position = Double(index) / Double(n)
            return switch self {
            case .flat: 1 + 0.5 * (1 - position)
            case .falling: 1 / Double((index + 1) * (index + 1))
            case .steep: pow(10, -20 * position)
            case .lowRank: index < (n + 2) / 3 ? 1 - position : 0
            // Not semi-definite, by as much as rounding makes it.
            case .negative: index < (n + 2) / 3 ? 1 - position : -1e-7
            }
        }
    }

    @Test(arguments: [1, 2, 5, 33, 64, 65, 150, 200], Spectrum.allCases)
    func qIsAsOrthogonalAsHouseholdersAndMakesTheProductTriangular(n: Int, spectrum: Spectrum) {
        for (kernels, disturbance) in OrthogonalizationTests.kernels.flatMap({ [($0, 1e-3), ($0, 0.05)] }) {
            let (basis, product) = iteration(n, spectrum, disturbance: disturbance)
            var q = product
            #expect(Float.orthogonalizeByCholesky(&q, from: basis, n: n, workspace: Workspace(kernels: kernels)) == .made, "\(kernels)")
            #expect(error(of: q, n) <= 1.5 * error(of: householder(product, n), n) + 4 * Float.ulpOfOne, "\(kernels)")
            #expect(largestBelowTriangle(of: product, in: q, n) < 2e-6, "\(kernels)")
        }
    }

    @Test(arguments: Spectrum.allCases) func columnsOfLargeEigenvaluesAreHouseholdersUpToSigns(spectrum: Spectrum) {
        let n = 150
        let (basis, product) = iteration(n, spectrum, disturbance: 0.01)
        var q = product
        #expect(Float.orthogonalize(&q, from: basis, n: n, workspace: Workspace()) == .made)
        let exact = householder(product, n)
        for i in 0..<n where spectrum.value(i, of: n) > 1e-2 {
            let sign: Float = (0..<n).reduce(0) { $0 + q[$1 * n + i] * exact[$1 * n + i] } < 0 ? -1 : 1
            for j in 0..<n { #expect(abs(q[j * n + i] - sign * exact[j * n + i]) < 2e-5) }
        }
    }

    @Test(arguments: [MatmulPrecision.highest, .high, .medium])
    func qIsOrthogonalToSinglePrecisionAtEveryPrecision(precision: MatmulPrecision) {
        let (basis, product) = iteration(128, .falling, disturbance: 0.02)
        for kernels in OrthogonalizationTests.kernels {
            var q = product
            #expect(Float.orthogonalize(&q, from: basis, n: 128, precision: precision, workspace: Workspace(kernels: kernels)) == .made)
            #expect(error(of: q, 128) < 2e-6, "\(kernels)")
        }
    }

    @Test(arguments: [1, 2, 33, 64, 65, 150, 200], Spectrum.allCases)
    func whatTurnsTheBasisIntoQIsAsOrthogonal(n: Int, spectrum: Spectrum) {
        for (kernels, disturbance) in OrthogonalizationTests.kernels.flatMap({ [($0, 1e-3), ($0, 0.05)] }) {
            let (basis, product) = iteration(n, spectrum, disturbance: disturbance)
            var (q, turn) = (product, [Float](repeating: .nan, count: n * n))
            #expect(
                Float.orthogonalize(&q, from: basis, n: n, turn: &turn, workspace: Workspace(kernels: kernels)) == .turned, "\(kernels)")
            #expect(error(of: q, n) <= 2 * error(of: householder(product, n), n) + 4 * Float.ulpOfOne, "\(kernels)")
            #expect(error(of: turn, n) <= 2 * error(of: householder(product, n), n) + 4 * Float.ulpOfOne, "\(kernels)")
            #expect(largestBelowTriangle(of: product, in: q, n) < 2e-6, "\(kernels)")
            let exact = multiply(basis.map { Double($0) }, turn.map { Double($0) }, transposeB: false, n)
            for (one, other) in zip(q, exact) { #expect(abs(Double(one) - other) < 1e-6) }
        }
    }

    /// Basis after basis, errors stay where they are allowed to be: where they would not, a basis is made without the one before it.
    @Test(arguments: [96, 130]) func basesThatAreTurnedAgainAndAgainStayOrthogonal(n: Int) {
        var (basis, product) = iteration(n, .falling, disturbance: 0.05)
        var matrix = multiply(product.map { Double($0) }, basis.map { Double($0) }, transposeB: true, n).map { Float($0) }
        let noise = TriangleTests.random(n + 200, seed: 5)
        var outcomes: [Orthogonalization] = []
        for step in 0..<200 {
            // An average of gradients' products, as factors are.
            for i in 0..<n {
                let row = Float(noise[i + step]) / Float(i + 1)
                for j in 0..<n { matrix[i * n + j] = 0.95 * matrix[i * n + j] + 0.05 * row * Float(noise[j + step]) / Float(j + 1) }
            }
            Float.gemm(
                transposeA: false, transposeB: false, m: n, n: n, k: n, alpha: 1, matrix, stride: n, basis, stride: n, beta: 0, &product,
                stride: n)
            var turn = product
            outcomes.append(Float.orthogonalize(&product, from: basis, n: n, turn: &turn, workspace: Workspace()))
            basis = product
            #expect(error(of: basis, n) < 3e-6, "\(step)")
        }
        let turned = outcomes.count { $0 == .turned }
        #expect(turned > 100 && turned < 200 && !outcomes.contains(.failed), "\(turned)")
    }

    @Test func aBasisThatIsNotOrthogonalEnoughIsNotTurned() {
        let n = 96
        var (basis, product) = iteration(n, .falling, disturbance: 0.01)
        for i in 0..<n { basis[i * n] *= 1 + 40 * Float.ulpOfOne }
        var turn = product
        #expect(Float.orthogonalize(&product, from: basis, n: n, turn: &turn, workspace: Workspace()) == .made)
        #expect(error(of: product, n) < 2e-6)
    }

    /// A basis far from the eigenvectors, and one whose columns come in the wrong order.
    @Test(arguments: ["random", "ascending"]) func basesThatDoNotFitTakeLonger(name: String) {
        let n = 96
        var (basis, product) = iteration(n, .falling, disturbance: name == "random" ? 3 : 0.01)
        if name == "ascending" {
            for i in 0..<n {
                basis.replaceSubrange(i * n..<(i + 1) * n, with: basis[i * n..<(i + 1) * n].reversed())
                product.replaceSubrange(i * n..<(i + 1) * n, with: product[i * n..<(i + 1) * n].reversed())
            }
        }
        var q = product
        #expect(Float.orthogonalize(&q, from: basis, n: n, workspace: Workspace()) == .made)
        #expect(error(of: q, n) < 2e-6)
        #expect(largestBelowTriangle(of: product, in: q, n) < 3e-6)
    }

    @Test(arguments: ["zero", "no basis", "a basis with a flaw", "not finite", "an infinite basis"])
    func whatCholeskyCannotDoSafelyIsLeftToHouseholder(name: String) {
        let n = 40
        var (basis, product) = iteration(n, .falling, disturbance: 0.01)
        switch name {
        case "zero": product = product.map { _ in 0 }
        case "no basis": basis = basis.map { _ in 0 }
        case "a basis with a flaw": basis[7] += 1e-3
        case "not finite": product[3 * n + 3] = .nan
        default: basis[5] = .infinity
        }
        var q = product
        #expect(Float.orthogonalizeByCholesky(&q, from: basis, n: n, workspace: Workspace()) == .failed)
        #expect(zip(q, product).allSatisfy { $0 == $1 || $0.isNaN })
        let isFinite = name != "not finite"
        #expect(Float.orthogonalize(&q, from: basis, n: n, workspace: Workspace()) == (isFinite ? .made : .failed))
        guard isFinite else { return }
        #expect(error(of: q, n) < 2e-6)
        #expect(largestBelowTriangle(of: product, in: q, n) < 3e-6 || name == "zero")
    }

    /// Rows 0 and 1 of a gradient are parallel but for `delta`, so that the second pivot is lost in rounding; what row 2 has in common with
    /// that difference is its root, and decides where the second column of K points.
    @Test(arguments: [3, 70], [3e-4, 1e-4] as [Float])
    func aDirectionBesideALostPivotIsNotLost(n: Int, delta: Float) {
        var gradient = [Float](repeating: 0, count: n * n)
        for i in 0..<n { gradient[i * n + i] = 0.8 }
        let (first, second, third) = (0, n / 3, n - 1)
        gradient[first * n + first] = 1.2
        (gradient[second * n + first], gradient[second * n + second]) = (1, delta)
        (gradient[third * n + second], gradient[third * n + third]) = (0.9, 0.3)
        var product = gradient
        Float.accumulateGram(of: gradient, along: Mode(outer: 1, size: n, inner: n), alpha: 1, beta: 0, into: &product)
        var basis = [Float](repeating: 0, count: n * n)
        for i in 0..<n { basis[i * n + i] = 1 }
        var (q, turn) = (product, product)
        #expect(Float.orthogonalize(&q, from: basis, n: n, turn: &turn, workspace: Workspace()) == .made)
        let exact = householder(product.map { Double($0) }, n)
        for column in [first, second, third] {
            let dot = (0..<n).reduce(0.0) { $0 + Double(q[$1 * n + column]) * exact[$1 * n + column] }
            #expect(abs(dot) > 0.99999, "\(column)")
        }
    }

    @Test func theSameMatrixGivesTheSameBits() {
        let (basis, product) = iteration(128, .falling, disturbance: 0.01)
        let used = Workspace()
        for _ in 0..<3 {
            var (one, other) = (product, [0] + product)
            #expect(Float.orthogonalize(&one, from: basis, n: 128, workspace: used) == .made)
            let done = other.withUnsafeMutableBufferPointer {
                Float.orthogonalize($0.baseAddress! + 1, from: basis, n: 128, workspace: Workspace())
            }
            #expect(done == .made && one == Array(other.dropFirst()))
        }
    }

    @Test(arguments: [2, 64, 300])
    func theTestOfOrthogonalitySeesWhatStandsOut(n: Int) {
        var rows = [Float](repeating: 0, count: n * n)
        for i in 0..<n { rows[i * n + i] = 1 }
        #expect(Float.orthogonalityError(of: rows, n: n, workspace: Workspace()) == 0)
        rows[n - 1] = 1e-4
        #expect((0.9e-4..<2.1e-4).contains(Float.orthogonalityError(of: rows, n: n, workspace: Workspace())))
        rows[n - 1] = .nan
        #expect(Float.orthogonalityError(of: rows, n: n, workspace: Workspace()).isNaN)
    }

    @Test(arguments: Spectrum.allCases) func doublePrecisionIsAsExactAsItIs(spectrum: Spectrum) {
        let (basis, product) = iteration(96, spectrum, disturbance: 0.02, as: Double.self)
        var q = product
        #expect(Double.orthogonalize(&q, from: basis, n: 96, workspace: Workspace()) == .made)
        #expect(error(of: q, 96) < 4e-15)
    }

    /// An orthogonal basis near the eigenvectors of a matrix K of that spectrum, and K times it.
    private func iteration<Scalar: BLASScalar>(
        _ n: Int, _ spectrum: Spectrum, disturbance: Double, as type: Scalar.Type = Float.self
    ) -> (basis: [Scalar], product: [Scalar]) {
        let vectors: [Double] = householder(TriangleTests.random(n * n, seed: 1), n)
        let noise = TriangleTests.random(n * n, seed: 2)
        // In single precision first, so that the product is that of the basis that is given.
        let near = householder(vectors.indices.map { vectors[$0] + disturbance / Double(n).squareRoot() * noise[$0] }, n)
        let basis = near.map { Scalar($0) }
        var scaled = vectors
        for i in scaled.indices { scaled[i] *= spectrum.value(i % n, of: n) }
        let matrix = multiply(scaled, vectors, transposeB: true, n)
        return (basis, multiply(matrix, basis.map { $0.asDouble }, transposeB: false, n).map { Scalar($0) })
    }

    private func multiply(_ a: [Double], _ b: [Double], transposeB: Bool, _ n: Int) -> [Double] {
        var product = a
        Double.gemm(
            transposeA: false, transposeB: transposeB, m: n, n: n, k: n, alpha: 1, a, stride: n, b, stride: n, beta: 0, &product, stride: n)
        return product
    }

    private func householder<Scalar: BLASScalar>(_ matrix: [Scalar], _ n: Int) -> [Scalar] {
        var q = transposed(matrix, n)
        var reflectors = [Scalar](repeating: 0, count: n)
        var work = [Scalar](repeating: 0, count: Scalar.qrWorkPerRow * n)
        Scalar.qrOrthogonal(n: n, &q, reflectors: &reflectors, work: &work)
        return transposed(q, n)
    }

    private func transposed<Scalar: BLASScalar>(_ matrix: [Scalar], _ n: Int) -> [Scalar] {
        var result = matrix
        Scalar.transpose(matrix, n: n, into: &result)
        return result
    }

    /// The largest element of QᵀQ − 1.
    private func error<Scalar: BLASScalar>(of matrix: [Scalar], _ n: Int) -> Scalar {
        var gram = matrix
        Scalar.accumulateGram(of: matrix, along: Mode(outer: n, size: n, inner: 1), alpha: 1, beta: 0, into: &gram)
        return gram.indices.reduce(0) { max($0, abs(gram[$1] - ($1 % (n + 1) == 0 ? 1 : 0))) }
    }

    /// The largest element below the diagonal of R = QᵀA, over the largest of A.
    private func largestBelowTriangle(of matrix: [Float], in q: [Float], _ n: Int) -> Float {
        var r = q
        Float.gemm(
            transposeA: true, transposeB: false, m: n, n: n, k: n, alpha: 1, q, stride: n, matrix, stride: n, beta: 0, &r, stride: n)
        let largest = matrix.reduce(0) { max($0, abs($1)) }
        return r.indices.reduce(0) { max($0, $1 / n > $1 % n ? abs(r[$1]) / largest : 0) }
    }
}
