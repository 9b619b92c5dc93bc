public import HTTPTypes

/// Problem details for HTTP APIs (RFC 9457): what a client's program and its user read when a request is refused.
public struct ProblemDetails: Sendable {
    public var status: HTTPResponse.Status
    /// The last part of the type, `urn:lather:problem:<slug>`.
    public var slug: String
    /// The kind of problem in a few words, the same each time.
    public var title: String
    /// This occurrence: what was wrong and what to do.
    public var detail: String
    /// Further members, in order.
    public var members: [(name: String, value: Value)]

    /// A JSON value of a member.
    public enum Value: Sendable {
        case string(String)
        case integer(Int)
        case number(Double)
        case boolean(Bool)
        case array([Value])
        case null
    }

    /// - Parameter title: by default the status's reason phrase.
    public init(
        status: HTTPResponse.Status,
        slug: String,
        title: String? = nil,
        detail: String,
        members: [(name: String, value: Value)] = []
    ) {
        self.status = status
        self.slug = slug
        self.title = title ?? status.reasonPhrase
        self.detail = detail
        self.members = members
    }

    /// The answer, as `application/problem+json`.
    public var response: Response {
        let all: [(name: String, value: Value)] =
            [
                ("type", .string("urn:lather:problem:\(slug)")),
                ("title", .string(title)),
                ("status", .integer(status.code)),
                ("detail", .string(detail)),
            ] + members
        let json = "{" + all.map { "\(Self.quoted($0.name)):\(Self.json($0.value))" }.joined(separator: ",") + "}"
        return Response(status: status, headerFields: [.contentType: "application/problem+json"], body: .bytes(Array(json.utf8)))
    }

    private static func json(_ value: Value) -> String {
        switch value {
        case .string(let string): quoted(string)
        case .integer(let integer): String(integer)
        case .number(let number): number.isFinite ? "\(number)" : "null"
        case .boolean(let boolean): boolean ? "true" : "false"
        case .array(let values): "[" + values.map(json).joined(separator: ",") + "]"
        case .null: "null"
        }
    }

    /// A JSON string (RFC 8259 section 7).
    private static func quoted(_ string: String) -> String {
        var quoted = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
