/// Upper triangular matrices R, by halves, so that nearly all is products. Nothing below the diagonal is read, but for the zeros
/// that ``BLASScalar/factor(_:n:stride:floor:inverses:workspace:)`` leaves within its blocks.
///
/// Halves are whole blocks of ``BLASScalar/triangleBlock``, whose inverses lie one after the other in memory of their own, each with
/// rows of ``BLASScalar/triangleBlock`` elements.
extension BLASScalar {
    /// How many elements the inverses of the blocks of an n×n triangle take.
    static func inverseCount(n: Int) -> Int { (n + triangleBlock - 1) / triangleBlock * triangleBlock * triangleBlock }

    /// Half of n, in whole blocks; n is more than one.
    private static func half(_ n: Int) -> Int { (n / 2 + triangleBlock - 1) / triangleBlock * triangleBlock }

    /// Replaces the upper triangle of a symmetric n×n matrix S by R with S = Rᵀ·R.
    ///
    /// Pivots that are not above `floor` are null, as for
    /// ``factorBlock(_:n:stride:floor:inverse:kernels:)``: R then is that of another matrix, which differs from S in what depends on
    /// these pivots only.
    ///
    /// - Parameter inverses: ``inverseCount(n:)`` elements; receives the inverses of the blocks on R's diagonal.
    /// - Returns: how many pivots are null; if it is none, S is positive definite.
    /// - Complexity: n³/3 operations.
    static func factor(
        _ matrix: UnsafeMutablePointer<Self>, n: Int, stride: Int, floor: Self, inverses: UnsafeMutablePointer<Self>,
        workspace: Workspace
    ) -> Int {
        guard n > triangleBlock else {
            return factorBlock(matrix, n: n, stride: stride, floor: floor, inverse: inverses, kernels: workspace.kernels)
        }
        let first = half(n)
        let (right, rest) = (matrix + first, matrix + first * stride + first)
        var nullCount = factor(matrix, n: first, stride: stride, floor: floor, inverses: inverses, workspace: workspace)
        solveTransposed(
            columns: n - first, n: first, matrix, stride: stride, inverses: inverses, right, stride: stride, workspace: workspace)
        syrk(
            transpose: true, n: n - first, k: first, alpha: -1, right, stride: stride, beta: 1, rest, stride: stride, precision: .highest,
            workspace: workspace)
        nullCount += factor(
            rest, n: n - first, stride: stride, floor: floor, inverses: inverses + first * triangleBlock, workspace: workspace)
        return nullCount
    }

    /// Y ← R⁻ᵀ·Y for an n×n R and as many columns of Y; rows of Y at null pivots become zero.
    private static func solveTransposed(
        columns: Int, n: Int, _ triangle: UnsafePointer<Self>, stride strideR: Int, inverses: UnsafePointer<Self>,
        _ y: UnsafeMutablePointer<Self>, stride strideY: Int, workspace: Workspace
    ) {
        let isShared = workspace.share(columns, multiplications: columns * n * n / 2) { range, workspace in
            solveTransposed(
                columns: range.count, n: n, triangle, stride: strideR, inverses: inverses, y + range.lowerBound, stride: strideY,
                workspace: workspace)
        }
        if isShared { return }
        guard n > triangleBlock else {
            return workspace.frame {
                let copy = workspace.take(Self.self, count: n * columns)
                for i in 0..<n { (copy + i * columns).update(from: y + i * strideY, count: columns) }
                gemm(
                    transposeA: true, transposeB: false, m: n, n: columns, k: n, alpha: 1, inverses, stride: triangleBlock, copy,
                    stride: columns, beta: 0, y, stride: strideY, precision: .highest, workspace: workspace)
            }
        }
        let first = half(n)
        let lower = y + first * strideY
        solveTransposed(
            columns: columns, n: first, triangle, stride: strideR, inverses: inverses, y, stride: strideY, workspace: workspace)
        gemm(
            transposeA: true, transposeB: false, m: n - first, n: columns, k: first, alpha: -1, triangle + first, stride: strideR, y,
            stride: strideY, beta: 1, lower, stride: strideY, precision: .highest, workspace: workspace)
        solveTransposed(
            columns: columns, n: n - first, triangle + first * strideR + first, stride: strideR,
            inverses: inverses + first * triangleBlock, lower, stride: strideY, workspace: workspace)
    }

    /// X ← X·R⁻¹ for an n×n R without null pivots and as many rows of X.
    ///
    /// - Parameter inverses: of the blocks on R's diagonal, as ``factor(_:n:stride:floor:inverses:workspace:)`` leaves them.
    /// - Complexity: rows·n² operations. OpenBLAS's own solver takes twice the time.
    static func solve(
        rows: Int, n: Int, _ triangle: UnsafePointer<Self>, stride strideR: Int, inverses: UnsafePointer<Self>,
        _ x: UnsafeMutablePointer<Self>, stride strideX: Int, workspace: Workspace
    ) {
        let isShared = workspace.share(rows, multiplications: rows * n * n / 2) { range, workspace in
            solve(
                rows: range.count, n: n, triangle, stride: strideR, inverses: inverses, x + range.lowerBound * strideX,
                stride: strideX, workspace: workspace)
        }
        if isShared { return }
        guard n > triangleBlock else {
            return workspace.frame {
                let copy = workspace.take(Self.self, count: rows * n)
                for i in 0..<rows { (copy + i * n).update(from: x + i * strideX, count: n) }
                gemm(
                    transposeA: false, transposeB: false, m: rows, n: n, k: n, alpha: 1, copy, stride: n, inverses,
                    stride: triangleBlock, beta: 0, x, stride: strideX, precision: .highest, workspace: workspace)
            }
        }
        let first = half(n)
        solve(rows: rows, n: first, triangle, stride: strideR, inverses: inverses, x, stride: strideX, workspace: workspace)
        gemm(
            transposeA: false, transposeB: false, m: rows, n: n - first, k: first, alpha: -1, x, stride: strideX, triangle + first,
            stride: strideR, beta: 1, x + first, stride: strideX, precision: .highest, workspace: workspace)
        solve(
            rows: rows, n: n - first, triangle + first * strideR + first, stride: strideR,
            inverses: inverses + first * triangleBlock, x + first, stride: strideX, workspace: workspace)
    }

    /// Y ← X·Rᵀ for an n×n R, as ``factor(_:n:stride:floor:inverses:workspace:)`` leaves it, and as many rows of X.
    ///
    /// - Complexity: rows·n² operations.
    static func multiplyTransposed(
        rows: Int, n: Int, _ x: UnsafePointer<Self>, stride strideX: Int, by triangle: UnsafePointer<Self>, stride strideR: Int,
        into y: UnsafeMutablePointer<Self>, stride strideY: Int, precision: MatmulPrecision, workspace: Workspace
    ) {
        let isShared = workspace.share(rows, multiplications: rows * n * n / 2) { range, workspace in
            multiplyTransposed(
                rows: range.count, n: n, x + range.lowerBound * strideX, stride: strideX, by: triangle, stride: strideR,
                into: y + range.lowerBound * strideY, stride: strideY, precision: precision, workspace: workspace)
        }
        if isShared { return }
        guard n > triangleBlock else {
            return gemm(
                transposeA: false, transposeB: true, m: rows, n: n, k: n, alpha: 1, x, stride: strideX, triangle, stride: strideR,
                beta: 0, y, stride: strideY, precision: precision, workspace: workspace)
        }
        let first = half(n)
        multiplyTransposed(
            rows: rows, n: first, x, stride: strideX, by: triangle, stride: strideR, into: y, stride: strideY, precision: precision,
            workspace: workspace)
        gemm(
            transposeA: false, transposeB: true, m: rows, n: first, k: n - first, alpha: 1, x + first, stride: strideX,
            triangle + first, stride: strideR, beta: 1, y, stride: strideY, precision: precision, workspace: workspace)
        multiplyTransposed(
            rows: rows, n: n - first, x + first, stride: strideX, by: triangle + first * strideR + first, stride: strideR,
            into: y + first, stride: strideY, precision: precision, workspace: workspace)
    }

    /// The upper triangle of R·Rᵀ for an n×n R, as ``factor(_:n:stride:floor:inverses:workspace:)`` leaves it.
    ///
    /// - Complexity: n³/3 operations.
    static func multiplyByOwnTranspose(
        _ triangle: UnsafePointer<Self>, n: Int, stride strideR: Int, into c: UnsafeMutablePointer<Self>, stride strideC: Int,
        workspace: Workspace
    ) {
        guard n > triangleBlock else {
            return syrk(
                transpose: false, n: n, k: n, alpha: 1, triangle, stride: strideR, beta: 0, c, stride: strideC, precision: .highest,
                workspace: workspace)
        }
        let first = half(n)
        let (right, rest) = (triangle + first, triangle + first * strideR + first)
        multiplyByOwnTranspose(triangle, n: first, stride: strideR, into: c, stride: strideC, workspace: workspace)
        syrk(
            transpose: false, n: first, k: n - first, alpha: 1, right, stride: strideR, beta: 1, c, stride: strideC, precision: .highest,
            workspace: workspace)
        multiplyTransposed(
            rows: first, n: n - first, right, stride: strideR, by: rest, stride: strideR, into: c + first, stride: strideC,
            precision: .highest, workspace: workspace)
        multiplyByOwnTranspose(
            rest, n: n - first, stride: strideR, into: c + first * strideC + first, stride: strideC, workspace: workspace)
    }

    /// Rᵀ with zeros above its diagonal, for an n×n R. `result` must not overlap it.
    static func transposeUpperTriangle(_ triangle: UnsafePointer<Self>, n: Int, into result: UnsafeMutablePointer<Self>) {
        // By tiles, so that what is written across rows stays in the cache.
        for firstRow in stride(from: 0, to: n, by: triangleBlock) {
            let rows = firstRow..<min(firstRow + triangleBlock, n)
            for i in rows { (result + i * n).update(repeating: 0, count: n) }
            for firstColumn in stride(from: 0, through: firstRow, by: triangleBlock) {
                for i in rows {
                    for j in firstColumn..<min(firstColumn + triangleBlock, i + 1) { result[i * n + j] = triangle[j * n + i] }
                }
            }
        }
    }

    /// ``upperProduct(n:k:_:stride:_:stride:into:stride:precision:workspace:)`` from products of whole matrices.
    static func upperProductByHalves(
        n: Int, k: Int, _ a: UnsafePointer<Self>, stride strideA: Int, _ b: UnsafePointer<Self>, stride strideB: Int,
        into c: UnsafeMutablePointer<Self>, stride strideC: Int, precision: MatmulPrecision, workspace: Workspace
    ) {
        guard n > 2 * triangleBlock else {
            return gemm(
                transposeA: true, transposeB: false, m: n, n: n, k: k, alpha: 1, a, stride: strideA, b, stride: strideB, beta: 0, c,
                stride: strideC, precision: precision, workspace: workspace)
        }
        let first = half(n)
        upperProductByHalves(
            n: first, k: k, a, stride: strideA, b, stride: strideB, into: c, stride: strideC, precision: precision, workspace: workspace)
        gemm(
            transposeA: true, transposeB: false, m: first, n: n - first, k: k, alpha: 1, a, stride: strideA, b + first,
            stride: strideB, beta: 0, c + first, stride: strideC, precision: precision, workspace: workspace)
        upperProductByHalves(
            n: n - first, k: k, a + first, stride: strideA, b + first, stride: strideB, into: c + first * strideC + first,
            stride: strideC, precision: precision, workspace: workspace)
    }
}
