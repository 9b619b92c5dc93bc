/// An option that cannot be used, alone or together with others or with a parameter's shape.
public struct SOAPOptionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The option by its documented name, such as `shampoo_beta`.
    public let option: String
    /// What is wrong and what would be right.
    public let reason: String

    /// An error with its reason, a phrase that follows the option's name.
    public init(option: String, reason: String) {
        self.option = option
        self.reason = reason
    }

    public var description: String { "\(option) \(reason)" }
}
