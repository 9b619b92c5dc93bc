/// A number of a JSON text, kept as it was written, so that it can be shown as it was given.
///
/// Two numbers are equal when their values are, exactly: `1e3`, `1000` and `1000.0` are, `0.1` and the double nearest to it are not.
public struct JSONNumber: Equatable, Sendable {
    /// The number as written.
    public let literal: String

    /// A literal that the caller knows to follow the grammar of RFC 8259 §6.
    init(unchecked literal: String) {
        self.literal = literal
    }

    /// A number from its text; nil unless the whole text is a number as RFC 8259 §6 writes it.
    public init?(literal: String) {
        guard case .number(let number)? = try? JSONValue(parsing: Array(literal.utf8)),
            number.literal.utf8.count == literal.utf8.count
        else { return nil }
        self = number
    }

    /// An integer.
    public init(_ value: Int) {
        literal = String(value)
    }

    /// A double, written with the fewest digits that read back as the same value; nil for NaN and infinities.
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        let text = value.description
        literal = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// The nearest double, ties to even; nil when that is beyond the finite ones. Too small a number is zero.
    public var double: Double? {
        guard let value = Double(literal), value.isFinite else { return nil }
        return value
    }

    /// The value, when it is an integer that fits, however it is written (`1e3`, `3.0`); else nil.
    public var integer: Int? {
        DecimalValue(literal)?.integer
    }

    /// Whether both have exactly the same value.
    public static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        if left.literal == right.literal { return true }
        guard let left = DecimalValue(left.literal), let right = DecimalValue(right.literal) else { return false }
        return left == right
    }
}
