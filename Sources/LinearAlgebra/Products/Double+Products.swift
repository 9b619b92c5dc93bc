extension Double {
    public static func gemm(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Double, _ a: UnsafePointer<Double>, stride strideA: Int,
        _ b: UnsafePointer<Double>, stride strideB: Int, beta: Double, _ c: UnsafeMutablePointer<Double>, stride strideC: Int,
        precision: MatmulPrecision, workspace: Workspace
    ) {
        gemm(
            transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha, a, stride: strideA, b, stride: strideB,
            beta: beta, c, stride: strideC)
    }

    public static func syrk(
        transpose: Bool, n: Int, k: Int, alpha: Double, _ a: UnsafePointer<Double>, stride strideA: Int, beta: Double,
        _ c: UnsafeMutablePointer<Double>, stride strideC: Int, precision: MatmulPrecision, workspace: Workspace
    ) {
        syrk(transpose: transpose, n: n, k: k, alpha: alpha, a, stride: strideA, beta: beta, c, stride: strideC)
    }

    public static func upperProduct(
        n: Int, k: Int, _ a: UnsafePointer<Double>, stride strideA: Int, _ b: UnsafePointer<Double>, stride strideB: Int,
        into c: UnsafeMutablePointer<Double>, stride strideC: Int, precision: MatmulPrecision, workspace: Workspace
    ) {
        upperProductByHalves(
            n: n, k: k, a, stride: strideA, b, stride: strideB, into: c, stride: strideC, precision: precision, workspace: workspace)
    }
}
