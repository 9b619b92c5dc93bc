/// One `name=value` of a query, percent-decoded; an item without `=` has an empty value.
public struct QueryItem: Sendable {
    /// What stands before the first `=`, decoded.
    public var name: String
    /// What stands behind it, decoded; empty without one.
    public var value: String

    /// An item of decoded texts.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
