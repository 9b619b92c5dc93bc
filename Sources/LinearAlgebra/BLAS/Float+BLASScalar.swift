import CKernels
import COpenBLAS

extension Float: BLASScalar {
    @inlinable
    public var asDouble: Double { Double(self) }

    public static func gemm(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Float, _ a: UnsafePointer<Float>, stride strideA: Int,
        _ b: UnsafePointer<Float>, stride strideB: Int, beta: Float, _ c: UnsafeMutablePointer<Float>, stride strideC: Int
    ) {
        cblas_sgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, Int32(m), Int32(n), Int32(k),
            alpha, a, Int32(strideA), b, Int32(strideB), beta, c, Int32(strideC))
    }

    public static func syrk(
        transpose: Bool, n: Int, k: Int, alpha: Float, _ a: UnsafePointer<Float>, stride strideA: Int, beta: Float,
        _ c: UnsafeMutablePointer<Float>, stride strideC: Int
    ) {
        if n * n * k <= largestSmallProduct {
            return gemm(
                transposeA: transpose, transposeB: !transpose, m: n, n: n, k: k, alpha: alpha, a, stride: strideA, a, stride: strideA,
                beta: beta, c, stride: strideC)
        }
        cblas_ssyrk(
            CblasRowMajor, CblasUpper, transpose ? CblasTrans : CblasNoTrans, Int32(n), Int32(k),
            alpha, a, Int32(strideA), beta, c, Int32(strideC))
    }

    /// Up to so many multiplications OpenBLAS has a product without packing for AVX-512: all of C costs half as much as the upper
    /// triangle does by `ssyrk`.
    private static var largestSmallProduct: Int { 1_000_000 }

    public static func syevd(
        n: Int, _ matrix: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>, work: UnsafeMutablePointer<Float>,
        integerWork: UnsafeMutablePointer<Int32>
    ) -> Int {
        var size = Int32(n)
        var workCount = Int32(1 + 6 * n + 2 * n * n)
        var integerWorkCount = Int32(3 + 5 * n)
        var info: Int32 = 0
        ssyevd_("V", "U", &size, matrix, &size, values, work, &workCount, integerWork, &integerWorkCount, &info, 1, 1)
        return Int(info)
    }

    public static func qrOrthogonal(
        n: Int, _ matrix: UnsafeMutablePointer<Float>, reflectors: UnsafeMutablePointer<Float>, work: UnsafeMutablePointer<Float>
    ) {
        var size = Int32(n)
        var workCount = Int32(qrWorkPerRow * n)
        var info: Int32 = 0
        sgeqrf_(&size, &size, matrix, &size, reflectors, work, &workCount, &info)
        sorgqr_(&size, &size, &size, matrix, &size, reflectors, work, &workCount, &info)
    }

    public static func factorBlock(
        _ matrix: UnsafeMutablePointer<Float>, n: Int, stride: Int, floor: Float, inverse: UnsafeMutablePointer<Float>,
        kernels: ProductKernels
    ) -> Int {
        lather_cholesky_block_float(kernels.vectorBits, n, matrix, stride, floor, inverse)
    }

    public static func sumOfSquares(_ values: UnsafePointer<Float>, count: Int, kernels: ProductKernels) -> Double {
        lather_squares_float(kernels.vectorBits, count, values)
    }

    public static func advanceMoments(
        _ coefficients: MomentCoefficients<Float>, gradient: UnsafePointer<Float>, first: UnsafeMutablePointer<Float>,
        second: UnsafeMutablePointer<Float>, direction: UnsafeMutablePointer<Float>, count: Int, kernels: ProductKernels
    ) {
        var options = lather_moments_float(
            keep1: coefficients.keep1, take1: coefficients.take1, keep2: coefficients.keep2, take2: coefficients.take2,
            moment_factor: coefficients.momentFactor, gradient_factor: coefficients.gradientFactor, root_factor: coefficients.rootFactor,
            epsilon: coefficients.epsilon, limit: coefficients.limit)
        lather_adam_float(kernels.vectorBits, &options, count, gradient, first, second, direction)
    }

    public static func dotColumns(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, rows: Int, columns: Int, into dots: UnsafeMutablePointer<Double>,
        kernels: ProductKernels
    ) {
        lather_column_dots_float(kernels.vectorBits, rows, columns, a, b, dots)
    }

    public static func gatherColumns(
        _ matrix: UnsafePointer<Float>, rows: Int, columns: Int, order: UnsafePointer<Int>, into result: UnsafeMutablePointer<Float>
    ) {
        lather_gather_float(rows, columns, matrix, order, result)
    }
}
