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

    public static func potrf(n: Int, _ matrix: UnsafeMutablePointer<Double>) -> Bool {
        // Column-major it is the lower triangle.
        var size = Int32(n)
        var info: Int32 = 0
        dpotrf_("L", &size, matrix, &size, &info, 1)
        return info == 0
    }

    public static func sumOfSquares(_ values: UnsafePointer<Double>, count: Int) -> Double {
        // Strict floating point keeps the compiler from vectorising a plain sum.
        var lanes = SIMD8<Double>()
        let raw = UnsafeRawPointer(values)
        let vectorised = count & ~7
        for index in stride(from: 0, to: vectorised, by: 8) {
            let value = raw.loadUnaligned(fromByteOffset: 8 * index, as: SIMD8<Double>.self)
            lanes += value * value
        }
        var sum = lanes.sum()
        for index in vectorised..<count {
            sum += values[index] * values[index]
        }
        return sum
    }
}
