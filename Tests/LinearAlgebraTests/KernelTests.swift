import LinearAlgebra
import Testing

/// Kernels against loops that are plain to see.
@Suite struct KernelTests {
    static let shapes = [[5], [1], [4, 7], [1, 6], [6, 1], [3, 4, 5], [2, 1, 3, 4], [40, 3]]

    /// Vectors of every width that this machine has.
    static let widths = [ProductKernels.blas, .upTo(.avx2), .upTo(.avx512)]

    @Test(arguments: widths, [1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100])
    func passesOfEveryWidthAreWhatTheirFormulasSay(kernels: ProductKernels, count: Int) {
        let gradient = numbers(count, seed: 1).map { Float($0) }
        let (first, second) = (numbers(count, seed: 2).map { Float($0) }, numbers(count, seed: 4).map { Float($0 * $0) })
        let coefficients = MomentCoefficients<Float>(
            keep1: 0.9, take1: 0.1, keep2: 0.95, take2: 0.05, momentFactor: 1.5, gradientFactor: 0.25, rootFactor: 1.25, epsilon: 1e-8,
            limit: 2)
        var (m, v, direction) = (first, second, [Float](repeating: .nan, count: count))
        Float.advanceMoments(
            coefficients, gradient: gradient, first: &m, second: &v, direction: &direction, count: count, kernels: kernels)
        for i in 0..<count {
            let g = Double(gradient[i])
            let (mean, square) = (0.9 * Double(first[i]) + 0.1 * g, 0.95 * Double(second[i]) + 0.05 * g * g)
            #expect(abs(Double(m[i]) - mean) < 1e-6 && abs(Double(v[i]) - square) < 1e-6)
            let quotient = (1.5 * mean + 0.25 * g) / (1.25 * square.squareRoot() + 1e-8)
            #expect(abs(Double(direction[i]) - min(max(quotient, -2), 2)) < 2e-6)
        }
        let squares = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(Float.sumOfSquares(gradient, count: count, kernels: kernels) - squares) < 1e-12 * squares)

        let rows = 3
        let (a, b) = (numbers(rows * count, seed: 5).map { Float($0) }, numbers(rows * count, seed: 6).map { Float($0) })
        var dots = [Double](repeating: .nan, count: count)
        Float.dotColumns(a, b, rows: rows, columns: count, into: &dots, kernels: kernels)
        for j in 0..<count {
            let expected = (0..<rows).reduce(0.0) { $0 + Double(a[$1 * count + j]) * Double(b[$1 * count + j]) }
            #expect(abs(dots[j] - expected) < 1e-12)
        }
    }

    @Test(arguments: shapes)
    func productsAlongADimensionAreSums(shape: [Int]) {
        for (dimension, mode) in Mode.all(of: shape).enumerated() {
            let tensor = numbers(mode.count, seed: dimension)
            let matrix = numbers(mode.size * mode.size, seed: 9)
            for back in [false, true] {
                var result = [Double](repeating: .nan, count: mode.count)
                Double.multiply(tensor, along: mode, by: matrix, back: back, into: &result)
                forEachElement(of: mode) { o, i, k in
                    let expected = (0..<mode.size).reduce(0.0) {
                        $0 + matrix[back ? i * mode.size + $1 : $1 * mode.size + i] * tensor[(o * mode.size + $1) * mode.inner + k]
                    }
                    #expect(abs(result[(o * mode.size + i) * mode.inner + k] - expected) < 1e-12)
                }
            }
        }
    }

    @Test(arguments: shapes)
    func gramsAreSymmetricSumsOfProducts(shape: [Int]) {
        for mode in Mode.all(of: shape) {
            let tensor = numbers(mode.count, seed: 3)
            var gram = [Double](repeating: 1, count: mode.size * mode.size)
            Double.accumulateGram(of: tensor, along: mode, alpha: 2, beta: 0.5, into: &gram)
            for i in 0..<mode.size {
                for j in 0..<mode.size {
                    var expected = 0.5
                    for o in 0..<mode.outer {
                        for k in 0..<mode.inner {
                            expected += 2 * tensor[(o * mode.size + i) * mode.inner + k] * tensor[(o * mode.size + j) * mode.inner + k]
                        }
                    }
                    #expect(abs(gram[i * mode.size + j] - expected) < 1e-12)
                }
            }
        }
    }

    @Test(arguments: shapes)
    func gatheringReordersOneDimension(shape: [Int]) {
        for mode in Mode.all(of: shape) {
            let tensor = numbers(mode.count, seed: 4)
            let order = Array((0..<mode.size).reversed())
            var result = tensor
            Double.gather(tensor, along: mode, order: order, into: &result)
            forEachElement(of: mode) { o, i, k in
                #expect(result[(o * mode.size + i) * mode.inner + k] == tensor[(o * mode.size + order[i]) * mode.inner + k])
            }
        }
    }

    @Test(arguments: [1, 2, 31, 33, 70])
    func transposingIsExact(n: Int) {
        let matrix = numbers(n * n, seed: 5)
        var result = matrix
        Double.transpose(matrix, n: n, into: &result)
        for i in 0..<n {
            for j in 0..<n { #expect(result[i * n + j] == matrix[j * n + i]) }
        }
    }

    @Test(arguments: [1, 7, 8, 9, 64, 65])
    func checksSeeEveryElement(count: Int) {
        for spoiled in 0..<count {
            for value in [Float.nan, .infinity, -.infinity] {
                var values = [Float](repeating: .greatestFiniteMagnitude, count: count)
                #expect(Float.allFinite(values, count: count))
                values[spoiled] = value
                #expect(!Float.allFinite(values, count: count))
            }
            var values = [Float](repeating: 0, count: count)
            values[spoiled] = 3e30
            for kernels in KernelTests.widths {
                #expect(Float.sumOfSquares(values, count: count, kernels: kernels) == Double(values[spoiled]) * Double(values[spoiled]))
            }
        }
    }

    @Test(arguments: [Float.leastNonzeroMagnitude, 1e-38, 1e-20, 1, 3, 1e20, 3e38])
    func theBalancingScaleIsAPowerOfTwoThatBringsAValueNearOne(value: Float) {
        let scale = Float.balancingScale(for: value)
        #expect(scale.significand == 1 && scale.isNormal)
        #expect((1e-8..<4).contains(value * scale))
        #expect(Float.balancingScale(for: 0) == 1 && Float.balancingScale(for: .infinity) == 1)
    }

    @Test func equalValuesKeepTheirOrder() {
        var order = [Int](repeating: 0, count: 5)
        descendingOrder(of: [1, 3, 1, 3, 2], count: 5, into: &order)
        #expect(order == [1, 3, 4, 0, 2])
    }

    @Test func aMatrixThatIsNotFiniteFailsToDecompose() {
        let workspace = Workspace()
        var vectors = [Float](repeating: 0, count: 4)
        #expect(Float.eigh([1, .nan, .nan, 1], n: 2, vectors: &vectors, workspace: workspace) == .failed)
    }

    private func numbers(_ count: Int, seed: Int) -> [Double] {
        (0..<count).map { Double(($0 * 37 + seed * 11) % 23) / 7 - 1.5 }
    }

    private func forEachElement(of mode: Mode, _ body: (_ outer: Int, _ index: Int, _ inner: Int) -> Void) {
        for o in 0..<mode.outer {
            for i in 0..<mode.size {
                for k in 0..<mode.inner { body(o, i, k) }
            }
        }
    }
}
