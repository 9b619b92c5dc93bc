import Memory

extension Store {
    /// Which opening of the file it is.
    public struct Generation: Equatable, Sendable {
        /// How often a file that was in doubt has been found right.
        public internal(set) var number = 0
        /// How often the lock had to be taken anew: another server may have had the file before that.
        public internal(set) var takeovers = 0
    }

    /// The present opening; nil while the file has to be opened anew. Whoever keeps a picture of what the file holds compares
    /// the two when this has changed.
    public var generation: Generation? { state.withLock { $0.doubt == nil ? $0.generation : nil } }
}
