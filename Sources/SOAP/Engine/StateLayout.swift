import LinearAlgebra

/// Which state a parameter has: what follows from its shape and the structural options.
struct StateLayout: Sendable, Equatable {
    /// The parameter's dimensions as modes.
    let modes: [Mode]
    /// The dimensions that have a Kronecker factor and, later, a basis; none for plain Adam.
    let preconditioned: [Int]

    /// - Parameter shape: sizes whose product fits in an `Int`.
    init(shape: [Int], options: SOAPOptions) {
        modes = Mode.all(of: shape)
        let isPreconditioned =
            switch shape.count {
            case 0: false
            case 1: options.precondition1D && !options.useKLShampoo
            case 2: true
            default: !options.useKLShampoo
            }
        let limit = options.maxPreconditionDim ?? .max
        let isEmpty = shape.contains(0)
        preconditioned = isPreconditioned && !isEmpty ? shape.indices.filter { shape[$0] <= limit } : []
    }

    /// Elements of the parameter.
    var count: Int { modes.first?.count ?? 1 }

    /// The tensors of state: moments and factors, and bases once they were made.
    func stateKeys(hasBases: Bool) -> [StateKey] {
        [.expAvg, .expAvgSq] + preconditioned.map { .factor($0) } + (hasBases ? preconditioned.map { .basis($0) } : [])
    }
}
