/// Orthogonal bases from nearly orthogonal and from arbitrary matrices.
///
/// The columns of K·Q, made unit vectors, are close to orthogonal once Q is close to the eigenvectors of K. Of such a matrix
/// A = Q·R the Cholesky factor of AᵀA is R, and Q = A·R⁻¹: products, where Householder's reflections are mostly passes over
/// memory, three to five times as slow. But this Q is orthogonal only up to the square of A's condition times the rounding, so
/// what came out is tested, made orthogonal once more if need be, and given up for Householder's if that does not help.
extension BLASScalar {
    /// Replaces a square matrix by the Q of its QR factorisation, whose columns are determined up to their sign.
    ///
    /// - Parameter matrix: n×n, row-major.
    /// - Returns: whether Q is finite; if not, the matrix has no meaning any more.
    /// - Complexity: about 7n³/3 operations for columns that are nearly orthogonal, up to 22n³/3 for others.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func orthogonalize(_ matrix: UnsafeMutablePointer<Self>, n: Int, workspace: Workspace) -> Bool {
        if orthogonalizeByCholesky(matrix, n: n, workspace: workspace) { return true }
        guard allFinite(matrix, count: n * n) else { return false }
        return workspace.frame {
            let columns = workspace.take(Self.self, count: n * n)
            let reflectors = workspace.take(Self.self, count: n)
            let work = workspace.take(Self.self, count: qrWorkPerRow * n)
            transpose(matrix, n: n, into: columns)
            qrOrthogonal(n: n, columns, reflectors: reflectors, work: work)
            transpose(columns, n: n, into: matrix)
            return allFinite(matrix, count: n * n)
        }
    }

    /// Cholesky QR, once or twice.
    ///
    /// - Parameter matrix: as for ``orthogonalize(_:n:workspace:)``. When Cholesky's way fails, it has other columns than
    ///   before, but with the same Q.
    /// - Returns: whether the matrix is now as orthogonal as Householder's Q is.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    static func orthogonalizeByCholesky(_ matrix: UnsafeMutablePointer<Self>, n: Int, workspace: Workspace) -> Bool {
        workspace.frame {
            let gram = workspace.take(Self.self, count: n * n)
            guard normalizeColumns(of: matrix, n: n, workspace: workspace),
                orthogonalityError(of: matrix, n: n, workspace: workspace) <= collapse
            else { return false }
            for _ in 0..<2 {
                syrk(transpose: true, n: n, k: n, alpha: 1, matrix, stride: n, beta: 0, gram, stride: n)
                guard potrf(n: n, gram) else { return false }
                solve(rows: n, n: n, gram, stride: n, matrix, stride: n, workspace: workspace)
                let error = orthogonalityError(of: matrix, n: n, workspace: workspace)
                if error <= orthogonalityTolerance(n: n) { return true }
                // Beyond this, and for NaN, the columns are so far from orthogonal that the second time would not suffice either.
                guard error <= 1 else { return false }
            }
            return false
        }
    }

    /// Makes every column a unit vector; if one is zero or not finite, leaves them all and returns false.
    private static func normalizeColumns(of matrix: UnsafeMutablePointer<Self>, n: Int, workspace: Workspace) -> Bool {
        workspace.frame {
            let squares = workspace.take(Double.self, count: n)
            let scales = workspace.take(Self.self, count: n)
            squares.update(repeating: 0, count: n)
            for i in 0..<n {
                let row = matrix + i * n
                for j in 0..<n { squares[j] += row[j].asDouble * row[j].asDouble }
            }
            for j in 0..<n {
                scales[j] = Self(1 / squares[j].squareRoot())
                guard scales[j].isNormal else { return false }
            }
            for i in 0..<n {
                let row = matrix + i * n
                for j in 0..<n { row[j] *= scales[j] }
            }
            return true
        }
    }

    /// Up to here a triangle is inverted.
    private static var triangleSize: Int { 32 }

    /// X ← X·R⁻¹ for an upper triangular R and as many rows of X; what is below the diagonal of R is not read.
    ///
    /// By halves, so that nearly all is products, down to small triangles that are inverted: OpenBLAS's own solver takes twice
    /// the time.
    static func solve(
        rows: Int, n: Int, _ triangle: UnsafePointer<Self>, stride strideR: Int, _ x: UnsafeMutablePointer<Self>, stride strideX: Int,
        workspace: Workspace
    ) {
        guard n > triangleSize else {
            return solveSmall(rows: rows, n: n, triangle, stride: strideR, x, stride: strideX, workspace: workspace)
        }
        let first = (n / 2 + 15) & ~15
        solve(rows: rows, n: first, triangle, stride: strideR, x, stride: strideX, workspace: workspace)
        gemm(
            transposeA: false, transposeB: false, m: rows, n: n - first, k: first, alpha: -1, x, stride: strideX, triangle + first,
            stride: strideR, beta: 1, x + first, stride: strideX)
        solve(
            rows: rows, n: n - first, triangle + first * strideR + first, stride: strideR, x + first, stride: strideX,
            workspace: workspace)
    }

    @specialized(where Self == Float)
    @specialized(where Self == Double)
    private static func solveSmall(
        rows: Int, n: Int, _ triangle: UnsafePointer<Self>, stride strideR: Int, _ x: UnsafeMutablePointer<Self>, stride strideX: Int,
        workspace: Workspace
    ) {
        workspace.frame {
            let inverse = workspace.take(Self.self, count: n * n)
            let solved = workspace.take(Self.self, count: rows * n)
            inverse.update(repeating: 0, count: n * n)
            // Row i of R·R⁻¹ = 1, from the last one up: R⁻¹ᵢ = (1ᵢ − Σ Rᵢₖ·R⁻¹ₖ)/Rᵢᵢ over k > i.
            for i in (0..<n).reversed() {
                let row = inverse + i * n
                for k in (i + 1)..<max(n, i + 1) {
                    let factor = triangle[i * strideR + k]
                    let other = inverse + k * n
                    for j in (k & ~7)..<n { row[j] -= factor * other[j] }
                }
                row[i] = 1
                let factor = 1 / triangle[i * strideR + i]
                for j in (i & ~7)..<n { row[j] *= factor }
            }
            gemm(
                transposeA: false, transposeB: false, m: rows, n: n, k: n, alpha: 1, x, stride: strideX, inverse, stride: n, beta: 0,
                solved, stride: n)
            for i in 0..<rows { (x + i * strideX).update(from: solved + i * n, count: n) }
        }
    }

    /// How many vectors of random signs orthogonality is tested with.
    private static var probes: Int { 4 }

    /// The largest element of (QᵀQ − 1)·x over a few vectors x of random signs, always the same ones: about √n times the errors
    /// of the products of columns, if they are random, and about as much as the largest of them, if it stands out.
    ///
    /// - Complexity: 16n² operations, where the product itself would cost n³.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    static func orthogonalityError(of matrix: UnsafePointer<Self>, n: Int, workspace: Workspace) -> Self {
        workspace.frame {
            let errors = workspace.take(Self.self, count: probes * n)
            let images = workspace.take(Self.self, count: probes * n)
            var bits: UInt64 = 0x9E37_79B9_7F4A_7C15
            for i in 0..<(probes * n) {
                // A step of xorshift (Marsaglia, Journal of Statistical Software 8, 2003).
                bits ^= bits << 13
                bits ^= bits >> 7
                bits ^= bits << 17
                errors[i] = bits >> 63 == 0 ? 1 : -1
            }
            gemm(
                transposeA: false, transposeB: true, m: probes, n: n, k: n, alpha: 1, errors, stride: n, matrix, stride: n, beta: 0,
                images, stride: n)
            gemm(
                transposeA: false, transposeB: false, m: probes, n: n, k: n, alpha: 1, images, stride: n, matrix, stride: n, beta: -1,
                errors, stride: n)
            var largest: Self = 0
            for i in 0..<(probes * n) {
                // Not `max`, which would lose NaN.
                if !(abs(errors[i]) <= largest) { largest = abs(errors[i]) }
                if largest.isNaN { return largest }
            }
            return largest
        }
    }

    /// Unit columns of which ``orthogonalityError(of:n:workspace:)`` is larger have collapsed towards a few directions, and what
    /// fails is not worth beginning. Measured: it is 0.7 to 2 where one pass suffices, up to 12 where two are still faster than
    /// Householder's reflections.
    private static var collapse: Self { 12 }

    /// What ``orthogonalityError(of:n:workspace:)`` is of Householder's Q at most, measured.
    private static func orthogonalityTolerance(n: Int) -> Self { ulpOfOne * (4 + 2 * Self(n).squareRoot()) }
}
