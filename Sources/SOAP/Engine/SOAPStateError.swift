/// State that no parameter of the shape and options could have reached.
public struct SOAPStateError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The tensor that is at fault; nil if it is the combination.
    public let key: StateKey?
    /// What is wrong.
    public let reason: String

    /// An error with its reason, a phrase that follows the tensor's name.
    public init(key: StateKey?, reason: String) {
        self.key = key
        self.reason = reason
    }

    public var description: String { key.map { "\($0.name) \(reason)" } ?? reason }
}
