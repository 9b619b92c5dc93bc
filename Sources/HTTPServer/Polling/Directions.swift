import CSockets

/// Ways in which a socket can be ready.
struct Directions: OptionSet, Sendable {
    let rawValue: UInt32

    /// There are bytes or connections to take, or an end of them.
    static let readable = Directions(rawValue: UInt32(LATHER_READABLE))
    /// There is room to write, or nobody who would read.
    static let writable = Directions(rawValue: UInt32(LATHER_WRITABLE))
}
