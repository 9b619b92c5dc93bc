import CKernels
import COpenBLAS

extension Double: BLASScalar {
    @inlinable
    public var asDouble: Double { self }

    public static func gemm(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Double, _ a: UnsafePointer<Double>, stride strideA: Int,
        _ b: UnsafePointer<Double>, stride strideB: Int, beta: Double, _ c: UnsafeMutablePointer<Double>, stride strideC: Int
    ) {
        cblas_dgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, Int32(m), Int32(n), Int32(k),
            alpha, a, Int32(strideA), b, Int32(strideB), beta, c, Int32(strideC))
    }

    public static func syrk(
        transpose: Bool, n: Int, k: Int, alpha: Double, _ a: UnsafePointer<Double>, stride strideA: Int, beta: Double,
        _ c: UnsafeMutablePointer<Double>, stride strideC: Int
    ) {
        cblas_dsyrk(
            CblasRowMajor, CblasUpper, transpose ? CblasTrans : CblasNoTrans, Int32(n), Int32(k),
            alpha, a, Int32(strideA), beta, c, Int32(strideC))
    }

    public static func syevd(
        n: Int, _ matrix: UnsafeMutablePointer<Double>, values: UnsafeMutablePointer<Double>, work: UnsafeMutablePointer<Double>,
        integerWork: UnsafeMutablePointer<Int32>
    ) -> Int {
        var size = Int32(n)
        var workCount = Int32(1 + 6 * n + 2 * n * n)
        var integerWorkCount = Int32(3 + 5 * n)
        var info: Int32 = 0
        dsyevd_("V", "U", &size, matrix, &size, values, work, &workCount, integerWork, &integerWorkCount, &info, 1, 1)
        return Int(info)
    }

    public static func qrOrthogonal(
        n: Int, _ matrix: UnsafeMutablePointer<Double>, reflectors: UnsafeMutablePointer<Double>, work: UnsafeMutablePointer<Double>
    ) {
        var size = Int32(n)
        var workCount = Int32(qrWorkPerRow * n)
        var info: Int32 = 0
        dgeqrf_(&size, &size, matrix, &size, reflectors, work, &workCount, &info)
        dorgqr_(&size, &size, &size, matrix, &size, reflectors, work, &workCount, &info)
    }

    public static func factorBlock(
        _ matrix: UnsafeMutablePointer<Double>, n: Int, stride: Int, floor: Double, inverse: UnsafeMutablePointer<Double>,
        kernels: ProductKernels
    ) -> Int {
        lather_cholesky_block_double(kernels.vectorBits, n, matrix, stride, floor, inverse)
    }

    public static func sumOfSquares(_ values: UnsafePointer<Double>, count: Int, kernels: ProductKernels) -> Double {
        lather_squares_double(kernels.vectorBits, count, values)
    }

    public static func advanceMoments(
        _ coefficients: MomentCoefficients<Double>, gradient: UnsafePointer<Double>, first: UnsafeMutablePointer<Double>,
        second: UnsafeMutablePointer<Double>, direction: UnsafeMutablePointer<Double>, count: Int, kernels: ProductKernels
    ) {
        var options = lather_moments_double(
            keep1: coefficients.keep1, take1: coefficients.take1, keep2: coefficients.keep2, take2: coefficients.take2,
            moment_factor: coefficients.momentFactor, gradient_factor: coefficients.gradientFactor, root_factor: coefficients.rootFactor,
            epsilon: coefficients.epsilon, limit: coefficients.limit)
        lather_adam_double(kernels.vectorBits, &options, count, gradient, first, second, direction)
    }

    public static func dotColumns(
        _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, rows: Int, columns: Int, into dots: UnsafeMutablePointer<Double>,
        kernels: ProductKernels
    ) {
        lather_column_dots_double(kernels.vectorBits, rows, columns, a, b, dots)
    }

    public static func gatherColumns(
        _ matrix: UnsafePointer<Double>, rows: Int, columns: Int, order: UnsafePointer<Int>, into result: UnsafeMutablePointer<Double>
    ) {
        lather_gather_double(rows, columns, matrix, order, result)
    }
}
