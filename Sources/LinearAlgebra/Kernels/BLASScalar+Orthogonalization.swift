/// Orthogonal bases from nearly orthogonal and from arbitrary matrices.
///
/// The columns of K·Q, made unit vectors, are close to orthogonal once Q is close to the eigenvectors of K. Of such a matrix
/// A = Q·R the Cholesky factor of AᵀA is R, and Q = A·R⁻¹: products, where Householder's reflections are mostly passes over
/// memory, three to five times as slow. But this Q is orthogonal only up to the square of A's condition times the rounding, so
/// what came out is tested, made orthogonal once more if need be, and given up for Householder's if that does not help.
extension BLASScalar {
    /// The Q of the QR factorisation of a square matrix, which is replaced; columns of Q are determined up to their sign.
    ///
    /// - Parameter columns: n×n, a column of the matrix a row; on return a column of Q a row.
    /// - Returns: whether Q is finite.
    /// - Complexity: about 7n³/3 operations for columns that are nearly orthogonal, up to 22n³/3 for others.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func orthogonalize(columns: UnsafeMutablePointer<Self>, n: Int, workspace: Workspace) -> Bool {
        workspace.frame {
            if orthogonalizeByCholesky(columns: columns, n: n, workspace: workspace) { return true }
            let reflectors = workspace.take(Self.self, count: n)
            let work = workspace.take(Self.self, count: qrWorkPerRow * n)
            qrOrthogonal(n: n, columns, reflectors: reflectors, work: work)
            return allFinite(columns, count: n * n)
        }
    }

    /// Cholesky QR, once or twice.
    ///
    /// - Parameter columns: as for ``orthogonalize(columns:n:workspace:)``; replaced only if the result is as orthogonal as
    ///   Householder's, which is returned.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    static func orthogonalizeByCholesky(columns: UnsafeMutablePointer<Self>, n: Int, workspace: Workspace) -> Bool {
        workspace.frame {
            let unit = workspace.take(Self.self, count: n * n)
            let gram = workspace.take(Self.self, count: n * n)
            guard normalize(columns, n: n, into: unit) else { return false }
            for _ in 0..<2 {
                syrk(transpose: false, n: n, k: n, alpha: 1, unit, stride: n, beta: 0, gram, stride: n)
                guard potrf(n: n, gram) else { return false }
                trsm(n: n, gram, unit)
                let error = orthogonalityError(rows: unit, n: n, workspace: workspace)
                if error <= tolerance(n: n) {
                    columns.update(from: unit, count: n * n)
                    return true
                }
                // Beyond this, and for NaN, the second time would not come far enough either.
                guard error <= 0.1 else { return false }
            }
            return false
        }
    }

    /// Makes every row a unit vector; false if one is zero or not finite.
    private static func normalize(_ rows: UnsafePointer<Self>, n: Int, into unit: UnsafeMutablePointer<Self>) -> Bool {
        for i in 0..<n {
            let norm = sumOfSquares(rows + i * n, count: n).squareRoot()
            guard norm > 0, norm.isFinite, Self(norm).isNormal, Self(1 / norm).isNormal else { return false }
            let scale = Self(1 / norm)
            for j in 0..<n { unit[i * n + j] = rows[i * n + j] * scale }
        }
        return true
    }

    /// How many vectors of random signs orthogonality is tested with.
    private static var probes: Int { 4 }

    /// The largest element of (Y·Yᵀ − 1)·x over a few vectors x of random signs, always the same ones: about √n times the errors
    /// of the products of rows, if they are random, and about as much as the largest of them, if it stands out.
    ///
    /// - Complexity: 16n² operations, where the product itself would cost n³.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    static func orthogonalityError(rows: UnsafePointer<Self>, n: Int, workspace: Workspace) -> Self {
        workspace.frame {
            let signs = workspace.take(Self.self, count: probes * n)
            let images = workspace.take(Self.self, count: probes * n)
            let errors = workspace.take(Self.self, count: probes * n)
            var bits: UInt64 = 0x9E37_79B9_7F4A_7C15
            for i in 0..<(probes * n) {
                // A step of xorshift (Marsaglia, Journal of Statistical Software 8, 2003).
                bits ^= bits << 13
                bits ^= bits >> 7
                bits ^= bits << 17
                signs[i] = bits >> 63 == 0 ? 1 : -1
            }
            errors.update(from: signs, count: probes * n)
            gemm(
                transposeA: false, transposeB: false, m: probes, n: n, k: n, alpha: 1, signs, stride: n, rows, stride: n, beta: 0,
                images, stride: n)
            gemm(
                transposeA: false, transposeB: true, m: probes, n: n, k: n, alpha: 1, images, stride: n, rows, stride: n, beta: -1,
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

    /// What ``orthogonalityError(rows:n:workspace:)`` is of Householder's Q at most, measured: ulp·√n, and twice that for small n.
    private static func tolerance(n: Int) -> Self { ulpOfOne * (4 + 2 * Self(n).squareRoot()) }
}
