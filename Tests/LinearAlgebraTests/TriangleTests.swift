import Testing

@testable import LinearAlgebra

/// Upper triangles in double precision, where rounding hides no mistake; NaN stands where nothing may be read.
@Suite struct TriangleTests {
    static let sizes = [1, 2, 3, 17, 63, 64, 65, 128, 130, 200]
    static let kernels = [ProductKernels.blas, .upTo(.avx2), .upTo(.avx512)]

    init() {
        BLAS.configure()
    }

    @Test(arguments: sizes, kernels) func theFactorOfAGramIsItsTriangle(n: Int, kernels: ProductKernels) {
        let triangle = TriangleTests.triangle(n)
        let stride = n + 3
        var matrix = [Double](repeating: .nan, count: n * stride)
        for i in 0..<n {
            for j in i..<n { matrix[i * stride + j] = (0...i).reduce(0) { $0 + triangle[$1 * n + i] * triangle[$1 * n + j] } }
        }
        var inverses = [Double](repeating: 0, count: Double.inverseCount(n: n))
        #expect(Double.factor(&matrix, n: n, stride: stride, floor: 0, inverses: &inverses, workspace: Workspace(kernels: kernels)) == 0)
        for i in 0..<n {
            for j in i..<n { #expect(abs(matrix[i * stride + j] - triangle[i * n + j]) < 1e-11) }
        }
    }

    /// The third and the last of its pivots are null: without them it is the factor of the others.
    @Test(arguments: [5, 64, 65, 150]) func nullPivotsLeaveTheOthersAlone(n: Int) {
        var matrix = [Double](repeating: 0, count: n * n)
        for i in 0..<n { matrix[i * n + i] = i == 2 ? 1e-9 : i == n - 1 ? -1e-9 : 4 }
        for j in 3..<n { matrix[2 * n + j] = 1e-10 }
        var inverses = [Double](repeating: 0, count: Double.inverseCount(n: n))
        #expect(Double.factor(&matrix, n: n, stride: n, floor: 0x1p-20, inverses: &inverses, workspace: Workspace()) == 2)
        for i in 0..<n {
            for j in i..<n { #expect(matrix[i * n + j] == (i != j ? 0 : i == 2 || i == n - 1 ? 0x1p-10 : 2)) }
        }
    }

    @Test(arguments: [Double.nan, .infinity, -1, 0]) func aMatrixThatIsNotPositiveDefiniteHasNullPivotsOrIsNotFinite(value: Double) {
        for index in [0, 40, 99] {
            var matrix = [Double](repeating: 0, count: 100 * 100)
            for i in 0..<100 { matrix[i * 101] = i == index ? value : 1 }
            for i in 0..<index { matrix[i * 100 + index] = 0.5 }
            var inverses = [Double](repeating: 0, count: Double.inverseCount(n: 100))
            let nullCount = Double.factor(&matrix, n: 100, stride: 100, floor: 0, inverses: &inverses, workspace: Workspace())
            #expect(nullCount > 0 || !matrix[index * 101].isFinite)
        }
    }

    @Test(arguments: sizes) func solvingUndoesMultiplying(n: Int) {
        let triangle = TriangleTests.triangle(n)
        var factored = [Double](repeating: 0, count: n * n)
        for i in 0..<n {
            for j in i..<n { factored[i * n + j] = (0...i).reduce(0) { $0 + triangle[$1 * n + i] * triangle[$1 * n + j] } }
        }
        var inverses = [Double](repeating: 0, count: Double.inverseCount(n: n))
        _ = Double.factor(&factored, n: n, stride: n, floor: 0, inverses: &inverses, workspace: Workspace())
        let original = TriangleTests.random(3 * n, seed: 6)
        var x = original
        Double.solve(rows: 3, n: n, triangle, stride: n, inverses: inverses, &x, stride: n, workspace: Workspace())
        for i in 0..<3 {
            for j in 0..<n {
                let product = (0...j).reduce(0) { $0 + x[i * n + $1] * triangle[$1 * n + j] }
                #expect(abs(product - original[i * n + j]) < 1e-12)
            }
        }
    }

    @Test(arguments: sizes) func aProductWithTheTransposeReadsOnlyBlocksOnAndAboveTheDiagonal(n: Int) {
        let block = Double.triangleBlock
        let triangle = TriangleTests.triangle(n).enumerated().map { index, value in
            index % n < index / n && index % n / block == index / n / block ? 0 : value
        }
        let x = TriangleTests.random(3 * n, seed: 7)
        var y = [Double](repeating: .nan, count: 3 * n)
        Double.multiplyTransposed(
            rows: 3, n: n, x, stride: n, by: triangle, stride: n, into: &y, stride: n, precision: .highest, workspace: Workspace())
        for i in 0..<3 {
            for j in 0..<n { #expect(abs(y[i * n + j] - (j..<n).reduce(0) { $0 + x[i * n + $1] * triangle[j * n + $1] }) < 1e-12) }
        }
    }

    @Test(arguments: sizes) func aTriangleTimesItsTransposeReadsOnlyBlocksOnAndAboveTheDiagonal(n: Int) {
        let block = Double.triangleBlock
        let triangle = TriangleTests.triangle(n).enumerated().map { index, value in
            index % n < index / n && index % n / block == index / n / block ? 0 : value
        }
        var c = [Double](repeating: .nan, count: n * n)
        Double.multiplyByOwnTranspose(triangle, n: n, stride: n, into: &c, stride: n, workspace: Workspace())
        for i in 0..<n {
            for j in i..<n { #expect(abs(c[i * n + j] - (j..<n).reduce(0) { $0 + triangle[i * n + $1] * triangle[j * n + $1] }) < 1e-11) }
        }
    }

    @Test(arguments: sizes) func theTransposeOfATriangleHasZerosAboveItsDiagonal(n: Int) {
        let triangle = TriangleTests.triangle(n)
        var transpose = [Double](repeating: .nan, count: n * n)
        Double.transposeUpperTriangle(triangle, n: n, into: &transpose)
        for i in 0..<n {
            for j in 0..<n { #expect(transpose[i * n + j] == (j <= i ? triangle[j * n + i] : 0)) }
        }
    }

    @Test(arguments: sizes) func theUpperTriangleOfAProductIsThatOfTheWhole(n: Int) {
        let (a, b) = (TriangleTests.random(5 * n, seed: 8), TriangleTests.random(5 * n, seed: 9))
        var c = [Double](repeating: .nan, count: n * n)
        Double.upperProduct(
            n: n, k: 5, a, stride: n, b, stride: n, into: &c, stride: n, precision: .highest, workspace: Workspace())
        for i in 0..<n {
            for j in i..<n { #expect(abs(c[i * n + j] - (0..<5).reduce(0) { $0 + a[$1 * n + i] * b[$1 * n + j] }) < 1e-13) }
        }
    }

    /// Well-conditioned, NaN below the diagonal.
    static func triangle(_ n: Int) -> [Double] {
        var triangle = random(n * n, seed: 5)
        for i in 0..<n {
            for j in 0..<n { triangle[i * n + j] = j < i ? .nan : j > i ? triangle[i * n + j] / Double(n) : triangle[i * n + j] + 2 }
        }
        return triangle
    }

    static func random(_ count: Int, seed: UInt64) -> [Double] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 11) / Double(1 << 52) - 1
        }
    }
}
