import Testing

/// Bytes sent on a fresh connection, and what must come of them.
struct WireCase: Sendable, CustomTestStringConvertible {
    /// What happens to the connection after the last answer.
    enum Fate {
        case open
        case closed
    }

    var name: String
    var bytes: [UInt8]
    var statuses: [Int]
    var fate: Fate
    /// The last answer's body, where it matters.
    var body: String?

    init(_ name: String, _ text: String, _ statuses: Int..., then fate: Fate = .closed, body: String? = nil) {
        self.init(name, bytes: Array(text.utf8), statuses, then: fate, body: body)
    }

    init(_ name: String, bytes: [UInt8], _ statuses: [Int], then fate: Fate = .closed, body: String? = nil) {
        self.name = name
        self.bytes = bytes
        self.statuses = statuses
        self.fate = fate
        self.body = body
    }

    var testDescription: String { name }
}
