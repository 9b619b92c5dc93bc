import CKernels

/// A floating-point type that OpenBLAS computes with: `Float` or `Double`.
///
/// The requirements are thin covers of BLAS and LAPACK routines on raw memory, for kernels that cannot afford more.
/// BLAS matrices are row-major; LAPACK ones column-major, which for a row-major square matrix means its transpose.
/// Sizes must fit in 32 bits (Debian's OpenBLAS has 32-bit integers); a larger one traps.
///
/// Nothing here needs `Codable`; the compiler asks for it beside `@specialized(where Self == Float)`.
public protocol BLASScalar: BinaryFloatingPoint, SIMDScalar, Codable, BitwiseCopyable, Sendable {
    /// The value in double precision (`Double.init` over a generic source is slow in unspecialised code).
    var asDouble: Double { get }

    /// C (m×n) ← alpha·op(A)·op(B) + beta·C with op(A) m×k and op(B) k×n.
    static func gemm(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Self, _ a: UnsafePointer<Self>, stride strideA: Int,
        _ b: UnsafePointer<Self>, stride strideB: Int, beta: Self, _ c: UnsafeMutablePointer<Self>, stride strideC: Int)

    /// The upper triangle of C (n×n) ← alpha·A·Aᵀ + beta·C with A n×k, or alpha·Aᵀ·A + beta·C with A k×n if `transpose`; what it
    /// leaves below the diagonal has no meaning.
    static func syrk(
        transpose: Bool, n: Int, k: Int, alpha: Self, _ a: UnsafePointer<Self>, stride strideA: Int, beta: Self,
        _ c: UnsafeMutablePointer<Self>, stride strideC: Int)

    /// The product in a precision, by kernels of our own where they are faster and with the help of a team where there is one;
    /// otherwise the one above.
    static func gemm(
        transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, alpha: Self, _ a: UnsafePointer<Self>, stride strideA: Int,
        _ b: UnsafePointer<Self>, stride strideB: Int, beta: Self, _ c: UnsafeMutablePointer<Self>, stride strideC: Int,
        precision: MatmulPrecision, workspace: Workspace)

    /// The symmetric product in a precision, likewise.
    static func syrk(
        transpose: Bool, n: Int, k: Int, alpha: Self, _ a: UnsafePointer<Self>, stride strideA: Int, beta: Self,
        _ c: UnsafeMutablePointer<Self>, stride strideC: Int, precision: MatmulPrecision, workspace: Workspace)

    /// Replaces a symmetric n×n matrix by its eigenvectors, one a row, and `values` by its eigenvalues, ascending.
    ///
    /// - Parameters:
    ///   - work: 1 + 6n + 2n² elements.
    ///   - integerWork: 3 + 5n elements.
    /// - Returns: LAPACK's `info`: 0, or how many off-diagonal elements failed to converge.
    static func syevd(
        n: Int, _ matrix: UnsafeMutablePointer<Self>, values: UnsafeMutablePointer<Self>, work: UnsafeMutablePointer<Self>,
        integerWork: UnsafeMutablePointer<Int32>
    ) -> Int

    /// Replaces the n×n matrix whose columns are the rows of `matrix` by the Q of its QR factorisation, one column a row.
    ///
    /// - Parameters:
    ///   - reflectors: n elements.
    ///   - work: ``qrWorkPerRow``·n elements.
    static func qrOrthogonal(
        n: Int, _ matrix: UnsafeMutablePointer<Self>, reflectors: UnsafeMutablePointer<Self>, work: UnsafeMutablePointer<Self>)

    /// Replaces the upper triangle of a symmetric n×n matrix S, n ≤ 64, by R with S = Rᵀ·R, what is below it by
    /// zeros, and makes R's inverse, with rows of 64 elements.
    ///
    /// A pivot that is not above `floor` is null: its row of R is zero but for √floor on the diagonal, and its column of the
    /// inverse is zero, if `floor` is above zero; otherwise there is no inverse then.
    ///
    /// - Returns: how many pivots are null.
    static func factorBlock(
        _ matrix: UnsafeMutablePointer<Self>, n: Int, stride: Int, floor: Self, inverse: UnsafeMutablePointer<Self>,
        kernels: ProductKernels
    ) -> Int

    /// The sum of squares, accumulated in double precision so that no `Float` square overflows or underflows.
    static func sumOfSquares(_ values: UnsafePointer<Self>, count: Int, kernels: ProductKernels) -> Double

    /// One step of Adam, element by element: the moving averages of the gradient and of its square, and the quotient of what
    /// becomes of them.
    ///
    /// - Parameter direction: receives the quotient; may be the gradient's own memory.
    static func advanceMoments(
        _ coefficients: MomentCoefficients<Self>, gradient: UnsafePointer<Self>, first: UnsafeMutablePointer<Self>,
        second: UnsafeMutablePointer<Self>, direction: UnsafeMutablePointer<Self>, count: Int, kernels: ProductKernels)

    /// The dot products of the columns of a row-major matrix with those of another, in double precision.
    static func dotColumns(
        _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, rows: Int, columns: Int, into dots: UnsafeMutablePointer<Double>,
        kernels: ProductKernels)

    /// Reorders the columns of a row-major matrix: column p of the result is column `order[p]`.
    static func gatherColumns(
        _ matrix: UnsafePointer<Self>, rows: Int, columns: Int, order: UnsafePointer<Int>, into result: UnsafeMutablePointer<Self>)

    /// The upper triangle of C (n×n) ← Aᵀ·B with A and B k×n; what it leaves below the diagonal has no meaning.
    ///
    /// - Complexity: n²·k operations and a little more.
    static func upperProduct(
        n: Int, k: Int, _ a: UnsafePointer<Self>, stride strideA: Int, _ b: UnsafePointer<Self>, stride strideB: Int,
        into c: UnsafeMutablePointer<Self>, stride strideC: Int, precision: MatmulPrecision, workspace: Workspace)
}

extension BLASScalar {
    /// The sum of squares, accumulated in double precision, with the vectors that this process uses.
    public static func sumOfSquares(_ values: UnsafePointer<Self>, count: Int) -> Double {
        sumOfSquares(values, count: count, kernels: .chosen)
    }

    /// Scratch elements that ``qrOrthogonal(n:_:reflectors:work:)`` needs for each row: LAPACK's widest block.
    public static var qrWorkPerRow: Int { 64 }

    /// The largest triangle that is factored and inverted as a whole.
    static var triangleBlock: Int { Int(LATHER_CHOLESKY_BLOCK) }
}
