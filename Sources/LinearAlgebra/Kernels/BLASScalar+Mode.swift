/// Products of a tensor with matrices along one of its dimensions.
extension BLASScalar {
    /// Multiplies a tensor along one dimension by Qᵀ, or by Q if `back`: into the basis of Q's columns, or back out of it.
    ///
    /// - Parameters:
    ///   - mode: the dimension; Q is size×size.
    ///   - result: as many elements as the tensor; must not overlap it.
    ///   - workspace: scratch memory for products, and what they run on.
    /// - Complexity: 2·count·size operations.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func multiply(
        _ tensor: UnsafePointer<Self>, along mode: Mode, by basis: UnsafePointer<Self>, back: Bool, into result: UnsafeMutablePointer<Self>,
        precision: MatmulPrecision = .highest, workspace: Workspace = Workspace()
    ) {
        let n = mode.size
        guard mode.count > 0 else { return }
        if mode.inner == 1 {
            gemm(
                transposeA: false, transposeB: back, m: mode.outer, n: n, k: n, alpha: 1, tensor, stride: n, basis, stride: n,
                beta: 0, result, stride: n, precision: precision, workspace: workspace)
        } else {
            let block = n * mode.inner
            for o in 0..<mode.outer {
                gemm(
                    transposeA: !back, transposeB: false, m: n, n: mode.inner, k: n, alpha: 1, basis, stride: n,
                    tensor + o * block, stride: mode.inner, beta: 0, result + o * block, stride: mode.inner,
                    precision: precision, workspace: workspace)
            }
        }
    }

    /// Adds to a symmetric matrix the contraction of a tensor with itself over all dimensions but one:
    /// K ← alpha·Σ G·Gᵀ + beta·K.
    ///
    /// - Parameters:
    ///   - gram: size×size; its upper triangle counts, and both are written.
    ///   - workspace: scratch memory for products, and what they run on.
    /// - Complexity: count·size operations.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func accumulateGram(
        of tensor: UnsafePointer<Self>, along mode: Mode, alpha: Self, beta: Self, into gram: UnsafeMutablePointer<Self>,
        precision: MatmulPrecision = .highest, workspace: Workspace = Workspace()
    ) {
        let n = mode.size
        // BLAS takes no rows without elements.
        guard mode.count > 0 else {
            for i in 0..<(n * n) { gram[i] = beta == 0 ? 0 : beta * gram[i] }
            return
        }
        if mode.inner == 1 {
            syrk(
                transpose: true, n: n, k: mode.outer, alpha: alpha, tensor, stride: n, beta: beta, gram, stride: n,
                precision: precision, workspace: workspace)
        } else {
            for o in 0..<mode.outer {
                syrk(
                    transpose: false, n: n, k: mode.inner, alpha: alpha, tensor + o * n * mode.inner, stride: mode.inner,
                    beta: o == 0 ? beta : 1, gram, stride: n, precision: precision, workspace: workspace)
            }
        }
        mirrorUpperTriangle(gram, n: n)
    }

    /// Reorders a tensor along one dimension: index p of the result is index `order[p]` of the tensor.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func gather(
        _ tensor: UnsafePointer<Self>, along mode: Mode, order: UnsafePointer<Int>, into result: UnsafeMutablePointer<Self>
    ) {
        if mode.inner == 1 {
            return gatherColumns(tensor, rows: mode.outer, columns: mode.size, order: order, into: result)
        }
        for o in 0..<mode.outer {
            let block = o * mode.size * mode.inner
            for p in 0..<mode.size {
                (result + block + p * mode.inner).update(from: tensor + block + order[p] * mode.inner, count: mode.inner)
            }
        }
    }
}
