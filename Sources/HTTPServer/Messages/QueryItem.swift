/// One `name=value` of a query, percent-decoded; an item without `=` has an empty value.
public struct QueryItem: Sendable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
