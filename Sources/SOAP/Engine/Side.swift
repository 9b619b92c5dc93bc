import LinearAlgebra

/// The state of one preconditioned dimension.
struct Side<Scalar: BLASScalar>: Sendable {
    /// Which dimension of the parameter it is.
    let dimension: Int
    /// That dimension as seen by products.
    let mode: Mode
    /// The Kronecker factor, n×n.
    let factor: ZeroedBuffer<Scalar>
    /// The eigenbasis, n×n, an eigenvector a column; meaningless until the first refresh.
    let basis: ZeroedBuffer<Scalar>

    init(dimension: Int, mode: Mode) {
        self.dimension = dimension
        self.mode = mode
        factor = ZeroedBuffer(count: mode.size * mode.size)
        basis = ZeroedBuffer(count: mode.size * mode.size)
    }

    /// The dimension's size.
    var size: Int { mode.size }
}
