import StrictJSON

/// The name of a tensor: UTF-8 without NUL, not empty, not `__metadata__`. Names are equal when their bytes are.
public struct TensorName: Hashable, Sendable, CustomStringConvertible {
    /// The most bytes a name has unless a caller allows more.
    public static let maximumByteCount = 512

    /// The key of the header's own entry, which no tensor can have.
    static let reserved = "__metadata__"

    private let exact: ExactString

    /// A name, or nil when the string cannot be one.
    ///
    /// - Parameter maximumByteCount: The most bytes of UTF-8; callers that derive names from names may need more than usual.
    public init?(_ string: String, maximumByteCount: Int = TensorName.maximumByteCount) {
        let exact = ExactString(string)
        guard !string.isEmpty, string.utf8.count <= maximumByteCount, !string.utf8.contains(0),
            exact != ExactString(TensorName.reserved)
        else { return nil }
        self.exact = exact
    }

    /// The name itself.
    public var description: String { exact.string }
}

extension TensorName: ExpressibleByStringLiteral {
    /// A name in source code; one that cannot be a name is a programming error.
    public init(stringLiteral value: String) {
        guard let name = TensorName(value) else { preconditionFailure("\"\(value)\" is no tensor name") }
        self = name
    }
}
