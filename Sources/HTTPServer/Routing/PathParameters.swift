/// What the placeholders of a route's pattern stand for in one request's path.
public struct PathParameters: Sendable {
    private let values: [(name: String, value: String)]

    init(_ values: [(name: String, value: String)]) {
        self.values = values
    }

    /// The percent-decoded segment, never empty.
    ///
    /// - Precondition: the route's pattern has a placeholder of this name.
    public subscript(name: String) -> String {
        guard let value = values.first(where: { $0.name == name })?.value else {
            preconditionFailure("the route has no placeholder {\(name)}")
        }
        return value
    }
}
