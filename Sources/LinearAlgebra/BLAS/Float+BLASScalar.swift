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

    public static func potrf(n: Int, _ matrix: UnsafeMutablePointer<Float>) -> Bool {
        // Column-major it is the lower triangle.
        var size = Int32(n)
        var info: Int32 = 0
        spotrf_("L", &size, matrix, &size, &info, 1)
        return info == 0
    }

    public static func sumOfSquares(_ values: UnsafePointer<Float>, count: Int) -> Double {
        // Strict floating point keeps the compiler from vectorising a plain sum.
        var lanes = SIMD8<Double>()
        let raw = UnsafeRawPointer(values)
        let vectorised = count & ~7
        for index in stride(from: 0, to: vectorised, by: 8) {
            let value = SIMD8<Double>(raw.loadUnaligned(fromByteOffset: 4 * index, as: SIMD8<Float>.self))
            lanes += value * value
        }
        var sum = lanes.sum()
        for index in vectorised..<count {
            sum += Double(values[index]) * Double(values[index])
        }
        return sum
    }
}
