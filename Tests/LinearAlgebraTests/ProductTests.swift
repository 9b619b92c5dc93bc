import Foundation
import LinearAlgebra
import Testing

/// Products of every precision against float64, on every path that this machine has.
@Suite struct ProductTests {
    static let paths = [ProductKernels.blas, .upTo(.avx2), .fastest, .tilesForAll].compactMap { $0 }
    static let sizes = [1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 70]
    /// Every size in every place, and some that are cut along k.
    static let shapes =
        sizes.indices.flatMap { i in
            [0, 3, 7].map { Shape(m: sizes[i], n: sizes[(i + $0) % sizes.count], k: sizes[(i + 2 * $0 + 1) % sizes.count]) }
        } + [
            Shape(m: 256, n: 256, k: 256), Shape(m: 300, n: 40, k: 300), Shape(m: 5, n: 300, k: 600), Shape(m: 33, n: 270, k: 513),
            // The largest small ones of both kinds, and the first that are none.
            Shape(m: 64, n: 64, k: 64), Shape(m: 31, n: 256, k: 64), Shape(m: 200, n: 128, k: 128), Shape(m: 10, n: 260, k: 64),
        ]

    struct Shape: Sendable, CustomStringConvertible {
        let m, n, k: Int
        var description: String { "\(m)×\(k)·\(k)×\(n)" }
    }

    /// Relative to |A|·|B|: of the whole product, where errors meet in sums, and of its worst element. That may be off by 2⁻¹⁵ at
    /// `high`: what is left of two numbers after two parts is 2⁻¹⁷ of each, and lo·lo, which is left out, is 2⁻¹⁶.
    private static let bounds: [(precision: MatmulPrecision, whole: Double, element: Double)] = [
        (.highest, 1e-6, 1e-6), (.high, 1e-5, 0x1.1p-15), (.medium, 1e-2, 1e-2),
    ]

    @Test(arguments: shapes)
    func productsAreAsExactAsTheirPrecisionSays(shape: Shape) {
        for transposes in 0..<4 {
            let product = Product(
                shape: shape, transposeA: transposes & 1 == 1, transposeB: transposes & 2 == 2, alpha: transposes == 0 ? 1 : -0.7,
                beta: [0, 1, 0.3, 0][transposes])
            for kernels in ProductTests.paths {
                for bound in ProductTests.bounds {
                    let error = product.error(of: product.result(bound.precision, on: kernels))
                    #expect(error.whole <= bound.whole && error.element <= bound.element, "\(bound.precision), \(kernels), \(transposes)")
                }
            }
        }
    }

    @Test(arguments: [
        Mode(outer: 1, size: 70, inner: 33), Mode(outer: 45, size: 64, inner: 1), Mode(outer: 3, size: 47, inner: 40),
        Mode(outer: 1, size: 300, inner: 600), Mode(outer: 300, size: 256, inner: 1), Mode(outer: 1, size: 2, inner: 7),
    ])
    func gramsAreExactlySymmetricAndAsExactAsTheirPrecisionSays(mode: Mode) {
        let tensor = numbers(mode.count, seed: 3)
        let start = (0..<(mode.size * mode.size)).map { Float($0 / mode.size + $0 % mode.size) / Float(mode.size) }
        var expected = start.map { Double($0) }
        var magnitude = expected
        Double.accumulateGram(of: tensor.map { Double($0) }, along: mode, alpha: 0.25, beta: 0.75, into: &expected)
        Double.accumulateGram(of: tensor.map { abs(Double($0)) }, along: mode, alpha: 0.25, beta: 0.75, into: &magnitude)
        for kernels in ProductTests.paths {
            for bound in ProductTests.bounds {
                var gram = start
                Float.accumulateGram(
                    of: tensor, along: mode, alpha: 0.25, beta: 0.75, into: &gram, precision: bound.precision,
                    workspace: Workspace(kernels: kernels))
                for i in 0..<mode.size {
                    for j in 0..<i where gram[i * mode.size + j] != gram[j * mode.size + i] {
                        Issue.record("\(bound.precision), \(kernels): (\(i), \(j))")
                    }
                }
                let error = relativeError(gram, expected, magnitude)
                #expect(error.whole <= bound.whole && error.element <= bound.element, "\(bound.precision), \(kernels)")
            }
        }
    }

    /// 2⁻²⁴ is what one rounding of single precision may cost; OpenBLAS's sums have many.
    @Test(.enabled(if: ProductKernels.tilesForAll != nil, "this machine has no kernels of three parts"))
    func threePartsAreMoreExactThanSinglePrecision() throws {
        let tiles = try #require(ProductKernels.tilesForAll)
        for transposes in 0..<4 {
            let product = Product(
                shape: Shape(m: 200, n: 140, k: 300), transposeA: transposes & 1 == 1, transposeB: transposes & 2 == 2, alpha: 1, beta: 0)
            let ours = product.error(of: product.result(.highest, on: tiles))
            let single = product.error(of: product.result(.highest, on: .blas))
            #expect(ours.whole < single.whole && ours.element < 0x1p-22)
        }
    }

    @Test func withoutKernelsOfOurOwnItIsOpenBLASBitForBit() {
        let product = Product(shape: Shape(m: 70, n: 65, k: 300), transposeA: true, transposeB: false, alpha: 0.7, beta: 0.3)
        var expected = product.c
        Float.gemm(
            transposeA: true, transposeB: false, m: 70, n: 65, k: 300, alpha: 0.7, product.a, stride: 70, product.b, stride: 65, beta: 0.3,
            &expected, stride: 65)
        for precision in MatmulPrecision.allCases { #expect(product.result(precision, on: .blas) == expected) }
    }

    @Test func theEnvironmentCanOnlyForbid() {
        for limit in ProductKernels.Limit.allCases where limit != .amx { #expect(!ProductKernels.upTo(limit).useTiles, "\(limit)") }
        #expect(ProductKernels.upTo(.blas) == .blas)
        #expect(ProductKernels.upTo(.amx) == .fastest)
        #expect(ProductKernels.fastest.useTiles == (ProductKernels.tilesForAll != nil))
        #expect(!ProductKernels.blas.useTiles)
    }

    @Test(.enabled(if: ProductKernels.fastest.useTiles, "this machine has no tiles"))
    func smallProductsAreNotDoneOnTiles() {
        for (size, precisions) in [(40, []), (64, [.high, .medium]), (128, MatmulPrecision.allCases)] {
            let product = Product(shape: Shape(m: size, n: size, k: size), transposeA: false, transposeB: false, alpha: 1, beta: 0)
            for precision in MatmulPrecision.allCases {
                let isOpenBLAS = product.result(precision, on: .fastest) == product.result(precision, on: .blas)
                #expect(isOpenBLAS == !precisions.contains(precision), "\(size), \(precision)")
            }
        }
    }

    /// Values that bfloat16 cannot hold or tiles would flush, in the first slice of k, in a later one, and in either factor.
    @Test(arguments: [Float.infinity, -.infinity, .nan, .greatestFiniteMagnitude, 1e30, 1e-30, .leastNormalMagnitude, 0x1p-140, 0])
    func extremeValuesComeOutAsInSinglePrecision(value: Float) {
        for (row, depth, inLeft) in [(0, 0, true), (3, 600, true), (20, 5, false), (39, 599, false)] {
            var product = Product(shape: Shape(m: 40, n: 40, k: 601), transposeA: false, transposeB: true, alpha: 1, beta: 0)
            if inLeft { product.a[row * 601 + depth] = value } else { product.b[row * 601 + depth] = value }
            let expected = product.result(.highest, on: .blas)
            for kernels in ProductTests.paths {
                for (precision, bound) in [(MatmulPrecision.highest, Float(1e-6)), (.high, 1e-5), (.medium, 1e-2)] {
                    let result = product.result(precision, on: kernels)
                    for (ours, single) in zip(result, expected) {
                        guard single.isFinite else {
                            #expect(!ours.isFinite)
                            continue
                        }
                        let scale = max(1, value.isFinite ? abs(value) : 1)
                        #expect(abs(ours - single) <= bound * scale * 601, "\(precision), \(kernels)")
                    }
                }
            }
        }
    }

    @Test(arguments: [Float.greatestFiniteMagnitude, 0x1.ffp127, 1e35, 1, 1e-38])
    func zeroTimesWhatIsFiniteIsZero(value: Float) {
        var product = Product(shape: Shape(m: 40, n: 40, k: 70), transposeA: false, transposeB: false, alpha: 1, beta: 0)
        for zeroIsLeft in [true, false] {
            product.a = product.a.map { _ in zeroIsLeft ? 0 : value }
            product.b = product.b.map { _ in zeroIsLeft ? value : 0 }
            for kernels in ProductTests.paths {
                for precision in MatmulPrecision.allCases {
                    #expect(product.result(precision, on: kernels).allSatisfy { $0 == 0 }, "\(precision), \(kernels)")
                }
            }
        }
    }

    /// Factors that are tiny or huge as a whole: the product is as exact, relative to itself, as that of ordinary ones.
    @Test(arguments: [(Float(1e-20), Float(1e-15)), (1e-38, 1), (0x1p-140, 1e20), (1e35, 1e-35), (3e38, 1e-3), (1e30, 1e6), (1e-15, 1e-20)])
    func theScaleOfAFactorDoesNotMatter(scales: (left: Float, right: Float)) {
        var product = Product(shape: Shape(m: 33, n: 40, k: 70), transposeA: true, transposeB: false, alpha: 1, beta: 0)
        product.a = product.a.map { $0 / 4 * scales.left }
        product.b = product.b.map { $0 * scales.right }
        for kernels in ProductTests.paths {
            #expect(product.error(of: product.result(.high, on: kernels)).whole <= 1e-5, "\(kernels)")
            #expect(product.error(of: product.result(.highest, on: kernels)).whole <= 5e-7, "\(kernels)")
        }
    }

    @Test func bitsDependOnlyOnTheNumbers() async {
        let product = Product(shape: Shape(m: 130, n: 70, k: 600), transposeA: false, transposeB: false, alpha: 0.5, beta: 0.5)
        for kernels in ProductTests.paths {
            for precision in MatmulPrecision.allCases {
                let expected = product.result(precision, on: kernels)
                #expect(product.result(precision, on: kernels) == expected)
                if precision != .highest || kernels.useTiles { #expect(product.misaligned().result(precision, on: kernels) == expected) }
                await withTaskGroup(of: [Float].self) { group in
                    for _ in 0..<2 { group.addTask { product.result(precision, on: kernels) } }
                    for await result in group { #expect(result == expected, "\(precision), \(kernels)") }
                }
            }
        }
    }
}
