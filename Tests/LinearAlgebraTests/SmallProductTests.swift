import Testing

@testable import LinearAlgebra

/// Products with a small right factor, by the kernel for AVX2, as parts of larger matrices.
@Suite(.enabled(if: ProductKernels.upTo(.avx2).isSmall(transposeA: false, m: 64, n: 64, k: 64), "this machine has no AVX2"))
struct SmallProductTests {
    private static let kernels = ProductKernels.upTo(.avx2)

    private static let shapes: [(m: Int, n: Int, k: Int)] = [
        (1, 16, 8), (6, 16, 8), (7, 17, 9), (64, 64, 64), (5, 31, 33), (100, 48, 15), (13, 250, 64), (300, 64, 64), (70, 128, 128),
        (20, 16, 900),
    ]

    /// A matrix inside a larger one that is NaN everywhere else.
    private struct Part {
        let rows, columns, stride: Int
        var elements: [Float]

        init(_ rows: Int, _ columns: Int, stride: Int, seed: Int) {
            (self.rows, self.columns, self.stride) = (rows, columns, stride)
            elements = Array(repeating: .nan, count: (rows + 2) * stride)
            let values = numbers(rows * columns, seed: seed)
            for i in 0..<rows {
                for j in 0..<columns { self[i, j] = values[i * columns + j] }
            }
        }

        subscript(i: Int, j: Int) -> Float {
            get { elements[(i + 1) * stride + 2 + j] }
            set { elements[(i + 1) * stride + 2 + j] = newValue }
        }

        var first: Int { stride + 2 }
    }

    /// Strides up to 64 are read in place, larger ones packed; four numbers lie between rows.
    @Test(arguments: shapes.indices, [0, 64, 512])
    func itReadsAndWritesItsPartOnly(_ index: Int, _ smallestStride: Int) {
        let (m, n, k) = SmallProductTests.shapes[index]
        for transposeA in [false, true] where SmallProductTests.kernels.isSmall(transposeA: transposeA, m: m, n: n, k: k) {
            for (transposeB, alpha, beta) in [(false, Float(1), Float(0)), (true, -0.7, 0), (false, 2, 1), (true, 1, 0.3)] {
                let (aRows, aColumns) = transposeA ? (k, m) : (m, k)
                let (bRows, bColumns) = transposeB ? (n, k) : (k, n)
                let a = Part(aRows, aColumns, stride: max(aColumns + 4, smallestStride), seed: 1)
                let b = Part(bRows, bColumns, stride: max(bColumns + 4, smallestStride), seed: 2)
                let before = Part(m, n, stride: max(n + 4, smallestStride), seed: 3)
                var c = before
                if beta == 0 { for i in 0..<m { for j in 0..<n { c[i, j] = .nan } } }
                multiply(a, b, into: &c, (m, n, k), transposeA, transposeB, alpha, beta)
                for i in 0..<m {
                    for j in 0..<n {
                        var (sum, magnitude) = (0.0, 0.0)
                        for p in 0..<k {
                            let term = Double(transposeA ? a[p, i] : a[i, p]) * Double(transposeB ? b[j, p] : b[p, j])
                            (sum, magnitude) = (sum + term, magnitude + abs(term))
                        }
                        let expected = Double(alpha) * sum + (beta == 0 ? 0 : Double(beta * before[i, j]))
                        let error = abs(Double(c[i, j]) - expected)
                        if !(error <= 1e-6 * (abs(Double(alpha)) * magnitude + 4)) {
                            Issue.record("\(m)×\(k)·\(k)×\(n), \(transposeA), \(transposeB): (\(i), \(j)) is off by \(error)")
                            return
                        }
                        c[i, j] = .nan
                    }
                }
                #expect(!c.elements.contains { !$0.isNaN })
            }
        }
    }

    @Test(arguments: [Float.infinity, .nan, .greatestFiniteMagnitude])
    func whatIsNotFiniteStaysWhereItBelongs(_ value: Float) {
        for transposeB in [false, true] {
            var a = Part(20, 40, stride: 44, seed: 1)
            let b = transposeB ? Part(33, 40, stride: 44, seed: 2) : Part(40, 33, stride: 37, seed: 2)
            a[7, 5] = value
            var c = Part(20, 33, stride: 37, seed: 3)
            multiply(a, b, into: &c, (20, 33, 40), false, transposeB, 2, 0)
            for i in 0..<20 {
                #expect((0..<33).contains { !c[i, $0].isFinite } == (i == 7))
            }
        }
    }

    @Test func theUpperHalfIsThatOfTheWhole() {
        for (n, k) in [(16, 8), (40, 64), (64, 64), (50, 33)] {
            let a = Part(k, n, stride: n + 4, seed: 1)
            let workspace = Workspace(kernels: SmallProductTests.kernels)
            var (whole, upper, gram) = (
                Part(n, n, stride: n + 4, seed: 2), Part(n, n, stride: n + 4, seed: 2), Part(n, n, stride: n + 4, seed: 2)
            )
            multiply(a, a, into: &whole, (n, n, k), true, false, 1, 0)
            let (first, start, stride) = (a.first, upper.first, upper.stride)
            a.elements.withUnsafeBufferPointer { a in
                upper.elements.withUnsafeMutableBufferPointer {
                    Float.upperProduct(
                        n: n, k: k, a.baseAddress! + first, stride: n + 4, a.baseAddress! + first, stride: n + 4,
                        into: $0.baseAddress! + start, stride: stride, precision: .highest, workspace: workspace)
                }
                gram.elements.withUnsafeMutableBufferPointer {
                    Float.syrk(
                        transpose: true, n: n, k: k, alpha: 1, a.baseAddress! + first, stride: n + 4, beta: 0, $0.baseAddress! + start,
                        stride: stride, precision: .highest, workspace: workspace)
                }
            }
            for i in 0..<n {
                for j in i..<n {
                    #expect(upper[i, j] == whole[i, j])
                    #expect(gram[i, j] == whole[i, j])
                }
            }
        }
    }

    @Test func whatIsNotSmallIsLeftToOpenBLAS() {
        let kernels = SmallProductTests.kernels
        #expect(kernels.isSmall(transposeA: true, m: 9, n: 256, k: 64) && kernels.isSmall(transposeA: false, m: 1_000, n: 128, k: 128))
        #expect(!kernels.isSmall(transposeA: true, m: 64, n: 64, k: 65) && !kernels.isSmall(transposeA: false, m: 9, n: 257, k: 64))
        #expect(!kernels.isSmall(transposeA: false, m: 64, n: 15, k: 64) && !kernels.isSmall(transposeA: false, m: 64, n: 64, k: 7))
        #expect(!ProductKernels.blas.isSmall(transposeA: false, m: 64, n: 64, k: 64))
    }

    private func multiply(
        _ a: Part, _ b: Part, into c: inout Part, _ shape: (m: Int, n: Int, k: Int), _ transposeA: Bool, _ transposeB: Bool, _ alpha: Float,
        _ beta: Float
    ) {
        let (start, stride) = (c.first, c.stride)
        a.elements.withUnsafeBufferPointer { left in
            b.elements.withUnsafeBufferPointer { right in
                c.elements.withUnsafeMutableBufferPointer {
                    Float.gemm(
                        transposeA: transposeA, transposeB: transposeB, m: shape.m, n: shape.n, k: shape.k, alpha: alpha,
                        left.baseAddress! + a.first, stride: a.stride, right.baseAddress! + b.first, stride: b.stride, beta: beta,
                        $0.baseAddress! + start, stride: stride, precision: .highest,
                        workspace: Workspace(kernels: SmallProductTests.kernels))
                }
            }
        }
    }
}
