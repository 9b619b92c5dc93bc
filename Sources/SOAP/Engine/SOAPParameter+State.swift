import LinearAlgebra

extension SOAPParameter {
    /// The tensors of state that exist: moments, the factors of preconditioned dimensions, and bases once they were made.
    public var stateKeys: [StateKey] { layout.stateKeys(hasBases: hasBases) }

    /// The tensors of state that a parameter of this shape has with these options, before there is one.
    ///
    /// - Parameters:
    ///   - shape: a shape that `options` are valid for.
    ///   - options: valid ones.
    ///   - hasBases: whether the first bases were made.
    public static func stateKeys(shape: [Int], options: SOAPOptions, hasBases: Bool) -> [StateKey] {
        StateLayout(shape: shape, options: options).stateKeys(hasBases: hasBases)
    }

    /// The shape of a tensor of state, or nil if it does not exist.
    public func stateShape(_ key: StateKey) -> [Int]? {
        buffer(of: key) == nil ? nil : key.shape(in: shape)
    }

    /// Calls `body` with the elements of a tensor of state, row-major. Traps if it is not among ``stateKeys``.
    public func withState<R, E: Error>(_ key: StateKey, _ body: (UnsafeBufferPointer<Scalar>) throws(E) -> R) throws(E) -> R {
        guard let buffer = buffer(of: key) else { preconditionFailure("there is no \(key.name)") }
        return try body(buffer.elements)
    }

    func buffer(of key: StateKey) -> ZeroedBuffer<Scalar>? {
        switch key {
        case .expAvg: expAvg
        case .expAvgSq: expAvgSq
        case .factor(let dimension): sides.first { $0.dimension == dimension }?.factor
        case .basis(let dimension): hasBases ? sides.first { $0.dimension == dimension }?.basis : nil
        }
    }
}
