import CKernels

extension Float {
    public static func gemm(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Float, _ a: UnsafePointer<Float>, stride strideA: Int,
        _ b: UnsafePointer<Float>, stride strideB: Int, beta: Float, _ c: UnsafeMutablePointer<Float>, stride strideC: Int,
        precision: MatmulPrecision, workspace: Workspace
    ) {
        var done = 0
        if let parts = workspace.kernels.parts(precision, m: m, n: n, k: k) {
            done = workspace.frame {
                lather_amx_product(
                    parts, m, n, k, alpha, lather_operand(elements: a, stride: strideA, transposed: transposeA ? 1 : 0),
                    lather_operand(elements: b, stride: strideB, transposed: transposeB ? 1 : 0), beta, c, strideC,
                    workspace.take(UInt8.self, count: lather_amx_scratch(parts, m, n, k)))
            }
            if done == k { return }
        }
        gemm(
            transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k - done, alpha: alpha,
            a + done * (transposeA ? strideA : 1), stride: strideA, b + done * (transposeB ? 1 : strideB), stride: strideB,
            beta: done == 0 ? beta : 1, c, stride: strideC)
    }

    public static func syrk(
        transpose: Bool, n: Int, k: Int, alpha: Float, _ a: UnsafePointer<Float>, stride strideA: Int, beta: Float,
        _ c: UnsafeMutablePointer<Float>, stride strideC: Int, precision: MatmulPrecision, workspace: Workspace
    ) {
        var done = 0
        if let parts = workspace.kernels.parts(precision, m: n, n: n, k: k, isGram: true) {
            done = workspace.frame {
                lather_amx_gram(
                    parts, n, k, alpha, lather_operand(elements: a, stride: strideA, transposed: transpose ? 1 : 0), beta, c, strideC,
                    workspace.take(UInt8.self, count: lather_amx_scratch(parts, n, n, k)))
            }
            if done == k { return }
        }
        syrk(
            transpose: transpose, n: n, k: k - done, alpha: alpha, a + done * (transpose ? strideA : 1), stride: strideA,
            beta: done == 0 ? beta : 1, c, stride: strideC)
    }
}
