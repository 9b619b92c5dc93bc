import LinearAlgebra

/// A product of two matrices of numbers of both signs and a few magnitudes, and what it is in float64.
struct Product: Sendable {
    let shape: ProductTests.Shape
    let transposeA, transposeB: Bool
    let alpha, beta: Float
    var a, b, c: [Float]
    /// Elements before the first one of each matrix.
    var offset = 0

    init(shape: ProductTests.Shape, transposeA: Bool, transposeB: Bool, alpha: Float, beta: Float) {
        // OpenBLAS gives other bits with other numbers of threads.
        BLAS.configure()
        self.shape = shape
        self.transposeA = transposeA
        self.transposeB = transposeB
        self.alpha = alpha
        self.beta = beta
        a = numbers(shape.m * shape.k, seed: 1)
        b = numbers(shape.k * shape.n, seed: 2)
        c = numbers(shape.m * shape.n, seed: 3)
    }

    /// The same with each matrix at an address that is a multiple of no more than four bytes.
    func misaligned() -> Product {
        var other = self
        other.offset = 1
        other.a.insert(0, at: 0)
        other.b.insert(0, at: 0)
        other.c.insert(0, at: 0)
        return other
    }

    func result(_ precision: MatmulPrecision, on kernels: ProductKernels) -> [Float] {
        var result = c
        // NaN where it must not be read.
        if beta == 0 { for i in result.indices { result[i] = .nan } }
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                result.withUnsafeMutableBufferPointer { c in
                    Float.gemm(
                        transposeA: transposeA, transposeB: transposeB, m: shape.m, n: shape.n, k: shape.k, alpha: alpha,
                        a.baseAddress! + offset, stride: transposeA ? shape.m : shape.k, b.baseAddress! + offset,
                        stride: transposeB ? shape.k : shape.n, beta: beta, c.baseAddress! + offset, stride: shape.n,
                        precision: precision, workspace: Workspace(kernels: kernels))
                }
            }
        }
        return Array(result[offset...])
    }

    func error(of result: [Float]) -> (whole: Double, element: Double) {
        relativeError(result, inDouble { $0 }, inDouble(abs))
    }

    /// The product in float64 of the numbers as `change` makes them.
    private func inDouble(_ change: (Double) -> Double) -> [Double] {
        var result = c.map { change(Double($0)) }
        Double.gemm(
            transposeA: transposeA, transposeB: transposeB, m: shape.m, n: shape.n, k: shape.k, alpha: change(Double(alpha)),
            a.map { change(Double($0)) }, stride: transposeA ? shape.m : shape.k, b.map { change(Double($0)) },
            stride: transposeB ? shape.k : shape.n, beta: change(Double(beta)), &result, stride: shape.n)
        return result
    }
}

/// Deterministic numbers between -2 and 2, without a pattern that a kernel could be wrong about.
func numbers(_ count: Int, seed: Int) -> [Float] {
    var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int64(bitPattern: state) >> 32) * 0x1p-30
    }
}

/// The Frobenius norm of the error over that of `magnitude`, and the largest of the same by elements.
func relativeError(_ values: [Float], _ expected: [Double], _ magnitude: [Double]) -> (whole: Double, element: Double) {
    let errors = zip(values, expected).map { Double($0) - $1 }
    // The largest magnitude is at least a root of their sum of squares over their number; nothing here underflows.
    let whole = (Double.sumOfSquares(errors, count: errors.count) / Double.sumOfSquares(magnitude, count: errors.count)).squareRoot()
    return (whole, zip(errors, magnitude).reduce(0) { max($0, abs($1.0) / $1.1) })
}
