/// A JSON value (RFC 8259).
///
/// Equality is that of the values: numbers by exact value, objects whatever the order of their members, strings by bytes.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Reads one JSON text, strictly.
    ///
    /// Refused, beyond what the grammar of RFC 8259 refuses: names that repeat within an object, strings that are not Unicode (invalid
    /// UTF-8, lone surrogates), a byte order mark, and nesting beyond a limit. An array of scalars has depth 1, a scalar 0.
    ///
    /// - Parameters:
    ///   - bytes: The text; nothing of it is referred to afterwards.
    ///   - maximumDepth: How deeply arrays and objects may nest, at most 256: each level takes some of the thread's stack.
    /// - Complexity: O(bytes) on average.
    public init(parsing bytes: UnsafeRawBufferPointer, maximumDepth: Int = 64) throws(JSONError) {
        precondition((0...256).contains(maximumDepth), "maximumDepth out of range")
        var parser = JSONParser(bytes, maximumDepth: maximumDepth)
        self = try parser.document()
    }

    /// Reads one JSON text, strictly; see ``init(parsing:maximumDepth:)-(UnsafeRawBufferPointer,_)``.
    public init(parsing bytes: [UInt8], maximumDepth: Int = 64) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { (bytes) throws(JSONError) in
            try JSONValue(parsing: UnsafeRawBufferPointer(bytes), maximumDepth: maximumDepth)
        }
    }

    /// An integer.
    public init(_ value: Int) {
        self = .number(JSONNumber(value))
    }

    /// A double; null for NaN and infinities, which JSON cannot write.
    public init(_ value: Double) {
        self = JSONNumber(value).map(JSONValue.number) ?? .null
    }

    /// The value as JSON text in UTF-8, the same bytes for the same value: members in their order, numbers as written, and escapes only
    /// where RFC 8259 §7 asks for them.
    ///
    /// - Parameter pretty: Whether to break lines and indent by two spaces; without, there is no whitespace at all.
    public func serialized(pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        writer.write(self)
        return writer.bytes
    }
}

extension JSONValue: Equatable {
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): ExactString(left) == ExactString(right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}
