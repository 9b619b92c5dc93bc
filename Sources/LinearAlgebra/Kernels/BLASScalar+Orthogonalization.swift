/// Orthogonal iteration: the Q of the QR factorisation of K·Q₀, for a symmetric positive semi-definite K and an orthogonal Q₀ close
/// to its eigenvectors.
///
/// Of a matrix A = Q·R the Cholesky factor of AᵀA is R, and Q = A·R⁻¹: products, where Householder's reflections are mostly passes
/// over memory, three to five times as slow. But A = K·Q₀ is no matrix to do that with. Its columns for small eigenvalues point
/// where those for large ones do, as soon as Q₀ is a little off, and A's condition comes near that of K.
///
/// M = Q₀ᵀ·K·Q₀ = L·Lᵀ helps: A = Q₀·M = (Q₀·L)·Lᵀ, and Lᵀ is upper triangular, so that Q₀·L has the same Q. Element (i, j) of L is
/// below the diagonal, and no larger than the root of the i-th eigenvalue: with descending eigenvalues every column is dominated by its
/// own direction, and the condition, once columns are made unit vectors, is a small number.
///
/// Pivots of M that are no larger than the rounding of their own terms are null, which leaves their columns of Q₀ as they are but for what
/// makes them orthogonal to the others. If more than rounding goes with them it is left to Householder's, and so it is if what came out is
/// not orthogonal, and making it so once more does not help.
///
/// Or L is made orthogonal instead of Q₀·L: L = W·R, and Q = Q₀·W is as orthogonal as Q₀ is. W is what a tensor in the old basis has to
/// be multiplied by, where it would be turned out of the old basis and into the new one otherwise.
extension BLASScalar {
    /// Replaces A = K·Q₀ by the Q of its QR factorisation, whose columns are determined up to their sign.
    ///
    /// - Parameters:
    ///   - product: n×n, row-major; A.
    ///   - basis: n×n; Q₀. If it is not orthogonal, or its columns are not nearly sorted by descending eigenvalue, this takes longer.
    ///   - precision: that A was multiplied with, and that M and Q₀·L are; everything else is of `highest`.
    ///   - turn: n×n, for the caller that has a use for W = Q₀ᵀ·Q; holds it if `.turned` is returned, and otherwise nothing.
    /// - Returns: what became of `product`, which without a Q has no meaning any more.
    /// - Complexity: about 14n³/3 operations, n³/3 more with W, 7n³ if a second pass is needed, 10n³ if Householder has to do it
    ///   after all; 11n³/3 more after a turn that failed its test.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func orthogonalize(
        _ product: UnsafeMutablePointer<Self>, from basis: UnsafePointer<Self>, n: Int, precision: MatmulPrecision = .highest,
        turn: UnsafeMutablePointer<Self>? = nil, workspace: Workspace
    ) -> Orthogonalization {
        let outcome = orthogonalizeByCholesky(product, from: basis, n: n, precision: precision, turn: turn, workspace: workspace)
        guard outcome == .failed, allFinite(product, count: n * n) else { return outcome }
        return workspace.frame {
            let columns = workspace.take(Self.self, count: n * n)
            let reflectors = workspace.take(Self.self, count: n)
            let work = workspace.take(Self.self, count: qrWorkPerRow * n)
            transpose(product, n: n, into: columns)
            qrOrthogonal(n: n, columns, reflectors: reflectors, work: work)
            transpose(columns, n: n, into: product)
            return allFinite(product, count: n * n) ? .made : .failed
        }
    }

    /// Cholesky's way.
    ///
    /// - Returns: `.failed` unless `product` is replaced by a Q as orthogonal as Householder's is; it is then as it was.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    static func orthogonalizeByCholesky(
        _ product: UnsafeMutablePointer<Self>, from basis: UnsafePointer<Self>, n: Int, precision: MatmulPrecision = .highest,
        turn: UnsafeMutablePointer<Self>? = nil, workspace: Workspace
    ) -> Orthogonalization {
        let tolerance = orthogonalityTolerance(n: n)
        let basisError = orthogonalityError(of: basis, n: n, workspace: workspace)
        guard basisError <= 4 * tolerance else { return .failed }
        return workspace.frame {
            let gram = workspace.take(Self.self, count: n * n)
            let columns = workspace.take(Self.self, count: n * n)
            let inverses = workspace.take(Self.self, count: inverseCount(n: n))
            upperProduct(
                n: n, k: n, basis, stride: n, product, stride: n, into: gram, stride: n, precision: precision, workspace: workspace)
            guard
                balancedFactor(
                    of: gram, basis: basis, product: product, n: n, precision: precision, inverses: inverses, workspace: workspace)
            else { return .failed }
            // The errors of a basis that is turned stay in it, and more come.
            if let turn, basisError <= 0.85 * tolerance,
                makeTurn(from: gram, n: n, into: turn, spare: columns, inverses: inverses, workspace: workspace)
            {
                gemm(
                    transposeA: false, transposeB: false, m: n, n: n, k: n, alpha: 1, basis, stride: n, turn, stride: n, beta: 0,
                    columns, stride: n, precision: .highest, workspace: workspace)
                if orthogonalityError(of: columns, n: n, workspace: workspace) <= tolerance {
                    product.update(from: columns, count: n * n)
                    return .turned
                }
            }
            multiplyTransposed(
                rows: n, n: n, basis, stride: n, by: gram, stride: n, into: columns, stride: n, precision: precision,
                workspace: workspace)
            for _ in 0..<2 {
                syrk(
                    transpose: true, n: n, k: n, alpha: 1, columns, stride: n, beta: 0, gram, stride: n, precision: .highest,
                    workspace: workspace)
                guard factor(gram, n: n, stride: n, floor: 0, inverses: inverses, workspace: workspace) == 0 else { return .failed }
                solve(
                    rows: n, n: n, gram, stride: n, inverses: inverses, columns, stride: n, workspace: workspace)
                let error = orthogonalityError(of: columns, n: n, workspace: workspace)
                if error <= tolerance {
                    product.update(from: columns, count: n * n)
                    return .made
                }
                // Beyond this, and for NaN, the columns are so far from orthogonal that the second time would not suffice either.
                guard error <= 1 else { return .failed }
            }
            return .failed
        }
    }

    /// W = L·R⁻¹ of the QR factorisation L = W·R, where R is Cholesky's factor of Lᵀ·L. Q₀·W is the Q of Q₀·L.
    ///
    /// - Parameters:
    ///   - triangle: n×n; Lᵀ, as ``factor(_:n:stride:floor:inverses:workspace:)`` leaves it.
    ///   - spare: n×n; overwritten, as `inverses` is.
    /// - Returns: whether L's condition permits it.
    /// - Complexity: 5n³/3 operations.
    private static func makeTurn(
        from triangle: UnsafePointer<Self>, n: Int, into turn: UnsafeMutablePointer<Self>, spare: UnsafeMutablePointer<Self>,
        inverses: UnsafeMutablePointer<Self>, workspace: Workspace
    ) -> Bool {
        multiplyByOwnTranspose(triangle, n: n, stride: n, into: spare, stride: n, workspace: workspace)
        let isWellConditioned = workspace.frame {
            let squares = workspace.take(Self.self, count: n)
            for i in 0..<n { squares[i] = spare[i * n + i] }
            guard factor(spare, n: n, stride: n, floor: 0, inverses: inverses, workspace: workspace) == 0 else { return false }
            // R's diagonal over the norms of L's columns are sines of their angles to those before them. Columns of rounding noise, of
            // a factor whose rank is not full, may be nearly parallel: what comes of them has never passed the test of orthogonality.
            return (0..<n).allSatisfy { spare[$0 * n + $0] * spare[$0 * n + $0] >= 0.1 * squares[$0] }
        }
        guard isWellConditioned else { return false }
        transposeUpperTriangle(triangle, n: n, into: turn)
        solve(rows: n, n: n, spare, stride: n, inverses: inverses, turn, stride: n, workspace: workspace)
        return true
    }

    /// Replaces the upper triangle of M = Q₀ᵀ·A by its Cholesky factor, its rows scaled such that the columns of Q₀ times its transpose
    /// are about unit vectors.
    ///
    /// What rounding does to an element of M's diagonal is that of its own terms: rows of a gradient that differ by orders of magnitude
    /// make small eigenvalues that are as exact as large ones. So M is scaled by the sums of the magnitudes of these terms, and a
    /// pivot is lost if it is not above the rounding of its own.
    ///
    /// - Returns: whether M is neither zero nor out of range, and its factor holds all that is beyond rounding.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    private static func balancedFactor(
        of matrix: UnsafeMutablePointer<Self>, basis: UnsafePointer<Self>, product: UnsafePointer<Self>, n: Int,
        precision: MatmulPrecision, inverses: UnsafeMutablePointer<Self>, workspace: Workspace
    ) -> Bool {
        let top = largestDiagonal(matrix, n: n)
        guard (ulpOfOne * top).isNormal else { return false }
        return workspace.frame {
            let roots = workspace.take(Self.self, count: n)
            let scales = workspace.take(Self.self, count: n)
            roots.update(repeating: 0, count: n)
            for i in 0..<n {
                let (q, a) = (basis + i * n, product + i * n)
                for j in 0..<n { roots[j] += abs(q[j] * a[j]) }
            }
            // A direction without any gradient has no terms.
            for j in 0..<n {
                roots[j] = max(roots[j], ulpOfOne * ulpOfOne * top).squareRoot()
                scales[j] = 1 / roots[j]
            }
            for i in 0..<n {
                let row = matrix + i * n
                for j in i..<n { row[j] *= scales[i] * scales[j] }
            }
            let roundoff = roundoff(of: precision, n: n, kernels: workspace.kernels)
            let nullCount = factor(matrix, n: n, stride: n, floor: roundoff, inverses: inverses, workspace: workspace)
            for i in 0..<n {
                let row = matrix + i * n
                for j in i..<n { row[j] *= roots[j] * scales[i] }
            }
            guard nullCount > 0 else { return true }
            // Without null pivots it is half of this at most.
            let tolerance = 4 * Self(n).squareRoot() * roundoff
            return factorError(matrix, roots: roots, basis: basis, product: product, n: n, workspace: workspace) <= tolerance
        }
    }

    /// How far A is from Q₀·L·Lᵀ, relative to A in the Frobenius norm, over a few vectors of random signs.
    ///
    /// With a null pivot goes what its row would have had beside it, which may be the root of what the pivot is: Householder's
    /// reflections, which do not square A, find directions there.
    ///
    /// - Parameters:
    ///   - matrix: the upper triangle of Lᵀ, its rows over `roots`.
    /// - Complexity: 24n² operations.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    private static func factorError(
        _ matrix: UnsafePointer<Self>, roots: UnsafePointer<Self>, basis: UnsafePointer<Self>, product: UnsafePointer<Self>, n: Int,
        workspace: Workspace
    ) -> Self {
        workspace.frame {
            let signs = workspace.take(Self.self, count: probes * n)
            let inner = workspace.take(Self.self, count: probes * n)
            let outer = workspace.take(Self.self, count: probes * n)
            fillWithSigns(signs, count: probes * n)
            multiplyTransposed(
                rows: probes, n: n, signs, stride: n, by: matrix, stride: n, into: inner, stride: n, precision: .highest,
                workspace: workspace)
            outer.update(repeating: 0, count: probes * n)
            for i in 0..<n {
                let row = matrix + i * n
                for probe in 0..<probes {
                    let (factor, sum) = (inner[probe * n + i] * roots[i] * roots[i], outer + probe * n)
                    for j in i..<n { sum[j] += factor * row[j] }
                }
            }
            gemm(
                transposeA: false, transposeB: true, m: probes, n: n, k: n, alpha: 1, signs, stride: n, product, stride: n, beta: 0,
                inner, stride: n, precision: .highest, workspace: workspace)
            gemm(
                transposeA: false, transposeB: true, m: probes, n: n, k: n, alpha: -1, outer, stride: n, basis, stride: n, beta: 1,
                inner, stride: n, precision: .highest, workspace: workspace)
            let error = sumOfSquares(inner, count: probes * n, kernels: workspace.kernels) / Double(probes)
            let norm = sumOfSquares(product, count: n * n, kernels: workspace.kernels)
            return Self((error / norm).squareRoot())
        }
    }

    /// The rounding of an n×n product of a precision, relative to the magnitudes of its terms.
    private static func roundoff(of precision: MatmulPrecision, n: Int, kernels: ProductKernels) -> Self {
        guard Self.self != Double.self, kernels.parts(precision, m: n, n: n, k: n) != nil else { return ulpOfOne }
        return switch precision {
        case .highest: ulpOfOne
        case .high: 0x1p-17
        case .medium: 0x1p-9
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
            fillWithSigns(errors, count: probes * n)
            gemm(
                transposeA: false, transposeB: true, m: probes, n: n, k: n, alpha: 1, errors, stride: n, matrix, stride: n, beta: 0,
                images, stride: n, precision: .highest, workspace: workspace)
            gemm(
                transposeA: false, transposeB: false, m: probes, n: n, k: n, alpha: 1, images, stride: n, matrix, stride: n, beta: -1,
                errors, stride: n, precision: .highest, workspace: workspace)
            var largest: Self = 0
            for i in 0..<(probes * n) {
                // Not `max`, which would lose NaN.
                if !(abs(errors[i]) <= largest) { largest = abs(errors[i]) }
                if largest.isNaN { return largest }
            }
            return largest
        }
    }

    /// Random ones and minus ones, always the same.
    private static func fillWithSigns(_ signs: UnsafeMutablePointer<Self>, count: Int) {
        var bits: UInt64 = 0x9E37_79B9_7F4A_7C15
        for i in 0..<count {
            // A step of xorshift (Marsaglia, Journal of Statistical Software 8, 2003).
            bits ^= bits << 13
            bits ^= bits >> 7
            bits ^= bits << 17
            signs[i] = bits >> 63 == 0 ? 1 : -1
        }
    }

    /// What ``orthogonalityError(of:n:workspace:)`` is of Householder's Q at most, measured.
    private static func orthogonalityTolerance(n: Int) -> Self { ulpOfOne * (4 + 2 * Self(n).squareRoot()) }
}
