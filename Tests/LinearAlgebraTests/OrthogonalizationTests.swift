import Testing

@testable import LinearAlgebra

/// Cholesky's way to Q against Householder's, which is slower and never fails.
@Suite struct OrthogonalizationTests {
    init() {
        // OpenBLAS gives other bits with other numbers of threads.
        BLAS.configure()
    }

    static let sizes = [1, 2, 5, 33, 64, 150]

    @Test(arguments: sizes, [1e-30, 1, 1e30] as [Float])
    func columnsThatAreNearlyOrthogonalGiveHouseholdersQUpToSigns(n: Int, size: Float) {
        let matrix = nearlyOrthogonal(n, disturbance: 0.1, size: size)
        var fast = matrix
        #expect(Float.orthogonalizeByCholesky(&fast, n: n, workspace: Workspace()))
        let exact = householder(matrix, n)
        #expect(error(of: fast, n) <= 1.5 * error(of: exact, n) + 4 * Float.ulpOfOne)
        for i in 0..<n {
            let sign: Float = (0..<n).reduce(0) { $0 + fast[$1 * n + i] * exact[$1 * n + i] } < 0 ? -1 : 1
            for j in 0..<n { #expect(abs(fast[j * n + i] - sign * exact[j * n + i]) < 2e-6) }
        }
    }

    /// Larger conditions take a second pass, still larger ones Householder.
    @Test(arguments: [1, 10, 30, 300, 1e5, 1e12] as [Double])
    func qIsOrthogonalAndSpansTheColumnsWhateverTheirCondition(condition: Double) {
        let n = 96
        let matrix = conditioned(n, condition)
        var columns = matrix
        #expect(Float.orthogonalize(&columns, n: n, workspace: Workspace()))
        #expect(error(of: columns, n) <= 1.5 * error(of: householder(matrix, n), n) + 4 * Float.ulpOfOne)
        #expect(largestBelowTriangle(of: matrix, in: columns, n) < 3e-6)
    }

    @Test func aSecondPassRepairsWhatTheFirstOneLost() {
        let n = 96
        let matrix = conditioned(n, 30)
        var once = matrix
        var gram = matrix
        Float.syrk(transpose: true, n: n, k: n, alpha: 1, matrix, stride: n, beta: 0, &gram, stride: n)
        #expect(Float.potrf(n: n, &gram))
        Float.solve(rows: n, n: n, gram, stride: n, &once, stride: n, workspace: Workspace())
        #expect(error(of: once, n) > 5e-6)
        var twice = matrix
        #expect(Float.orthogonalizeByCholesky(&twice, n: n, workspace: Workspace()))
        #expect(error(of: twice, n) < 2e-6)
    }

    @Test(arguments: [1, 3, 17, 64, 65, 150])
    func solvingATriangleReadsNothingBelowItsDiagonal(n: Int) {
        var (triangle, x) = (random(n * n, seed: 5), random(3 * n, seed: 6))
        for i in 0..<n {
            for j in 0..<n { triangle[i * n + j] = j < i ? .nan : j > i ? triangle[i * n + j] / Double(n) : triangle[i * n + j] + 2 }
        }
        let original = x
        Double.solve(rows: 3, n: n, triangle, stride: n, &x, stride: n, workspace: Workspace())
        for i in 0..<3 {
            for j in 0..<n {
                let product = (0...j).reduce(0) { $0 + x[i * n + $1] * triangle[$1 * n + j] }
                #expect(abs(product - original[i * n + j]) < 1e-12)
            }
        }
    }

    @Test(arguments: ["zero", "a zero column", "equal columns", "collinear columns", "not finite", "tiny", "condition"])
    func whatCholeskyCannotDoSafelyIsLeftToHouseholder(name: String) {
        let n = 40
        var matrix = nearlyOrthogonal(n, disturbance: 0.1, size: 1)
        switch name {
        case "zero": matrix = matrix.map { _ in 0 }
        case "a zero column": for j in 0..<n { matrix[j * n + 7] = 0 }
        case "equal columns": for j in 0..<n { matrix[j * n + 7] = matrix[j * n + 8] }
        case "collinear columns": for j in 0..<n { matrix[j * n + 7] = -3 * matrix[j * n + 8] * (1 + (j == 5 ? 1e-6 : 0)) }
        case "not finite": matrix[3 * n + 3] = .nan
        case "tiny": for j in 0..<n { matrix[j * n + 7] *= .leastNonzeroMagnitude }
        default: matrix = conditioned(n, 1e6)
        }
        var columns = matrix
        #expect(!Float.orthogonalizeByCholesky(&columns, n: n, workspace: Workspace()))
        let isFinite = name != "not finite"
        #expect(Float.orthogonalize(&columns, n: n, workspace: Workspace()) == isFinite)
        guard isFinite else { return }
        #expect(error(of: columns, n) < 2e-6)
        #expect(largestBelowTriangle(of: matrix, in: columns, n) < 3e-6)
    }

    @Test(arguments: [0.1, 3])
    func theSameMatrixGivesTheSameBits(disturbance: Double) {
        let matrix = nearlyOrthogonal(128, disturbance: disturbance, size: 1)
        let used = Workspace()
        for _ in 0..<3 {
            var (one, other) = (matrix, [0] + matrix)
            #expect(Float.orthogonalize(&one, n: 128, workspace: used))
            let done = other.withUnsafeMutableBufferPointer {
                Float.orthogonalize($0.baseAddress! + 1, n: 128, workspace: Workspace())
            }
            #expect(done && one == Array(other.dropFirst()))
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

    @Test func doublePrecisionIsAsExactAsItIs() {
        let n = 96
        for condition in [1, 10, 1e3, 1e12] {
            var columns = conditioned(n, condition, as: Double.self)
            #expect(Double.orthogonalize(&columns, n: n, workspace: Workspace()))
            #expect(error(of: columns, n) < 4e-15)
        }
    }

    /// Random orthogonal columns, each mixed with the others and stretched by its own factor.
    private func nearlyOrthogonal(_ n: Int, disturbance: Double, size: Float) -> [Float] {
        let q: [Double] = orthogonal(n, seed: 1)
        let noise = random(n * n, seed: 2)
        return (0..<(n * n)).map { Float((q[$0] + disturbance / Double(n).squareRoot() * noise[$0]) * Double(1 + $0 % n)) * size }
    }

    /// U·diag(1 … 1/condition)·V, so that no scaling of columns helps.
    private func conditioned<Scalar: BLASScalar>(_ n: Int, _ condition: Double, as type: Scalar.Type = Float.self) -> [Scalar] {
        var left: [Double] = orthogonal(n, seed: 3)
        let right: [Double] = orthogonal(n, seed: 4)
        for i in 0..<n {
            let factor = 1 / (1 + (condition - 1) * Double(i) / Double(max(n - 1, 1)))
            for j in 0..<n { left[j * n + i] *= factor }
        }
        var product = left
        Double.gemm(
            transposeA: false, transposeB: false, m: n, n: n, k: n, alpha: 1, left, stride: n, right, stride: n, beta: 0, &product,
            stride: n)
        return product.map { Scalar($0) }
    }

    private func orthogonal(_ n: Int, seed: UInt64) -> [Double] { householder(random(n * n, seed: seed), n) }

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

    private func random(_ count: Int, seed: UInt64) -> [Double] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 11) / Double(1 << 52) - 1
        }
    }
}
