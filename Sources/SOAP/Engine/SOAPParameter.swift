public import LinearAlgebra

/// The SOAP state of one parameter of any rank, and its steps.
///
/// Sendable by discipline, not by the compiler: one thread at a time steps, restores or reads a parameter. Different
/// parameters share nothing.
public final class SOAPParameter<Scalar: BLASScalar>: @unchecked Sendable {
    /// The size of each dimension; empty for a scalar.
    public let shape: [Int]
    /// How many steps were applied.
    public internal(set) var step = 0
    /// The step, 1-based, that last made a basis anew; nil as long as there are none.
    public internal(set) var lastRefreshStep: Int?
    /// Which part of a period later than without ``SOAPOptions/staggerRefresh`` its bases are refreshed with it: at least 0 and
    /// below 1. Not state, but the caller's choice among parameters: ``refreshPhases(of:)``.
    public var refreshPhase = 0.0

    let layout: StateLayout
    let useKLShampoo: Bool
    let expAvg: ZeroedBuffer<Scalar>
    let expAvgSq: ZeroedBuffer<Scalar>
    /// One for each preconditioned dimension, ascending.
    let sides: [Side<Scalar>]

    /// Zero state.
    ///
    /// - Parameters:
    ///   - shape: a shape that `options` are valid for.
    ///   - options: its structural options decide what state there is; see ``SOAPOptions``.
    public convenience init(shape: [Int], options: SOAPOptions) {
        self.init(shape: shape, layout: StateLayout(shape: shape, options: options), useKLShampoo: options.useKLShampoo)
    }

    init(shape: [Int], layout: StateLayout, useKLShampoo: Bool) {
        BLAS.configure()
        self.shape = shape
        self.layout = layout
        self.useKLShampoo = useKLShampoo
        expAvg = ZeroedBuffer(count: layout.count)
        expAvgSq = ZeroedBuffer(count: layout.count)
        sides = layout.preconditioned.map { Side(dimension: $0, mode: layout.modes[$0]) }
    }

    /// The number of elements.
    public var count: Int { layout.count }

    /// Whether there are eigenbases, so that the moments live in them.
    public var hasBases: Bool { lastRefreshStep != nil }

    /// A side's basis; nil as long as there is none.
    func basis(of side: Side<Scalar>) -> UnsafePointer<Scalar>? { hasBases ? UnsafePointer(side.basis.base) : nil }
}
