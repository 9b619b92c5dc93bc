import CKernels

extension Float {
    public static func gemm(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Float, _ a: UnsafePointer<Float>, stride strideA: Int,
        _ b: UnsafePointer<Float>, stride strideB: Int, beta: Float, _ c: UnsafeMutablePointer<Float>, stride strideC: Int,
        precision: MatmulPrecision, workspace: Workspace
    ) {
        let isShared = workspace.share(max(m, n), multiplications: m * n * k) { range, workspace in
            if m >= n {
                gemm(
                    transposeA: transposeA, transposeB: transposeB, m: range.count, n: n, k: k, alpha: alpha,
                    a + range.lowerBound * (transposeA ? 1 : strideA), stride: strideA, b, stride: strideB, beta: beta,
                    c + range.lowerBound * strideC, stride: strideC, precision: precision, workspace: workspace)
            } else {
                gemm(
                    transposeA: transposeA, transposeB: transposeB, m: m, n: range.count, k: k, alpha: alpha, a, stride: strideA,
                    b + range.lowerBound * (transposeB ? strideB : 1), stride: strideB, beta: beta, c + range.lowerBound,
                    stride: strideC, precision: precision, workspace: workspace)
            }
        }
        if isShared { return }
        var done = 0
        if let parts = workspace.kernels.parts(precision, m: m, n: n, k: k) {
            done = workspace.frame {
                lather_amx_product(
                    parts, m, n, k, alpha, lather_operand(elements: a, stride: strideA, transposed: transposeA ? 1 : 0),
                    lather_operand(elements: b, stride: strideB, transposed: transposeB ? 1 : 0), beta, c, strideC,
                    workspace.take(UInt8.self, count: lather_amx_scratch(parts, m, n, k)))
            }
            if done == k { return }
        } else if workspace.kernels.isSmall(transposeA: transposeA, m: m, n: n, k: k) {
            return smallProduct(
                m: m, n: n, k: k, alpha: alpha, lather_operand(elements: a, stride: strideA, transposed: transposeA ? 1 : 0),
                lather_operand(elements: b, stride: strideB, transposed: transposeB ? 1 : 0), beta: beta, c, stride: strideC,
                isUpper: false, workspace: workspace)
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
        let isShared = workspace.share(n, .upperTriangle, multiplications: n * n * k / 2) { range, workspace in
            let columns = a + range.lowerBound * (transpose ? 1 : strideA)
            gemm(
                transposeA: transpose, transposeB: !transpose, m: range.lowerBound, n: range.count, k: k, alpha: alpha, a,
                stride: strideA, columns, stride: strideA, beta: beta, c + range.lowerBound, stride: strideC, precision: precision,
                workspace: workspace)
            syrk(
                transpose: transpose, n: range.count, k: k, alpha: alpha, columns, stride: strideA, beta: beta,
                c + range.lowerBound * (strideC + 1), stride: strideC, precision: precision, workspace: workspace)
        }
        if isShared { return }
        var done = 0
        if let parts = workspace.kernels.parts(precision, m: n, n: n, k: k, isGram: true) {
            done = workspace.frame {
                lather_amx_upper_product(
                    parts, n, k, alpha, lather_operand(elements: a, stride: strideA, transposed: transpose ? 1 : 0),
                    lather_operand(elements: a, stride: strideA, transposed: transpose ? 0 : 1), beta, c, strideC,
                    workspace.take(UInt8.self, count: lather_amx_scratch(parts, n, n, k)))
            }
            if done == k { return }
        } else if workspace.kernels.isSmall(transposeA: transpose, m: n, n: n, k: k) {
            return smallProduct(
                m: n, n: n, k: k, alpha: alpha, lather_operand(elements: a, stride: strideA, transposed: transpose ? 1 : 0),
                lather_operand(elements: a, stride: strideA, transposed: transpose ? 0 : 1), beta: beta, c, stride: strideC,
                isUpper: true, workspace: workspace)
        }
        syrk(
            transpose: transpose, n: n, k: k - done, alpha: alpha, a + done * (transpose ? strideA : 1), stride: strideA,
            beta: done == 0 ? beta : 1, c, stride: strideC)
    }

    public static func upperProduct(
        n: Int, k: Int, _ a: UnsafePointer<Float>, stride strideA: Int, _ b: UnsafePointer<Float>, stride strideB: Int,
        into c: UnsafeMutablePointer<Float>, stride strideC: Int, precision: MatmulPrecision, workspace: Workspace
    ) {
        let isShared = workspace.share(n, .upperTriangle, multiplications: n * n * k / 2) { range, workspace in
            gemm(
                transposeA: true, transposeB: false, m: range.lowerBound, n: range.count, k: k, alpha: 1, a, stride: strideA,
                b + range.lowerBound, stride: strideB, beta: 0, c + range.lowerBound, stride: strideC, precision: precision,
                workspace: workspace)
            upperProduct(
                n: range.count, k: k, a + range.lowerBound, stride: strideA, b + range.lowerBound, stride: strideB,
                into: c + range.lowerBound * (strideC + 1), stride: strideC, precision: precision, workspace: workspace)
        }
        if isShared { return }
        if let parts = workspace.kernels.parts(precision, m: n, n: n, k: k, isGram: true) {
            let done = workspace.frame {
                lather_amx_upper_product(
                    parts, n, k, 1, lather_operand(elements: a, stride: strideA, transposed: 1),
                    lather_operand(elements: b, stride: strideB, transposed: 0), 0, c, strideC,
                    workspace.take(UInt8.self, count: lather_amx_scratch(parts, n, n, k)))
            }
            if done == k { return }
        } else if workspace.kernels.isSmall(transposeA: true, m: n, n: n, k: k) {
            return smallProduct(
                m: n, n: n, k: k, alpha: 1, lather_operand(elements: a, stride: strideA, transposed: 1),
                lather_operand(elements: b, stride: strideB, transposed: 0), beta: 0, c, stride: strideC, isUpper: true,
                workspace: workspace)
        }
        upperProductByHalves(
            n: n, k: k, a, stride: strideA, b, stride: strideB, into: c, stride: strideC, precision: precision, workspace: workspace)
    }

    private static func smallProduct(
        m: Int, n: Int, k: Int, alpha: Float, _ a: lather_operand, _ b: lather_operand, beta: Float, _ c: UnsafeMutablePointer<Float>,
        stride: Int, isUpper: Bool, workspace: Workspace
    ) {
        workspace.frame {
            lather_small_product(
                m, n, k, alpha, a, b, beta, c, stride, isUpper ? 1 : 0,
                workspace.take(Float.self, count: lather_small_scratch(m, n, k, a.transposed)))
        }
    }
}
