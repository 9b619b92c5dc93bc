import Testing

/// Bytes sent on a fresh connection, and what must come of them.
struct WireCase: Sendable, CustomTestStringConvertible {
    /// What happens to the connection after the last answer.
    enum Fate {
        /// The server waits for the next request, and understands it.
        case open
        /// The server says that it closes the connection, and does.
        case closed
        /// The client sends no more after the bytes; the server answers what it can and closes.
        case cut
    }

    /// The rule it comes from.
    var section = ""
    var name: String
    var bytes: [UInt8]
    /// Of the answers in order; none is silence.
    var statuses: [Int]
    var fate: Fate
    /// The last answer's body, where it matters.
    var body: String?
    /// Fields of the last answer, where they matter; an empty value stands for a field that must be absent.
    var fields: [String: String]
    /// Which answers, counted from 0, are to HEAD and therefore have no body.
    var heads: Set<Int>

    init(
        _ name: String, _ text: String, _ statuses: Int..., then fate: Fate = .closed, body: String? = nil,
        with fields: [String: String] = [:], heads: Set<Int> = []
    ) {
        self.init(name, bytes: Array(text.utf8), statuses, then: fate, body: body, with: fields, heads: heads)
    }

    init(
        _ name: String, bytes: [UInt8], _ statuses: [Int], then fate: Fate = .closed, body: String? = nil,
        with fields: [String: String] = [:], heads: Set<Int> = []
    ) {
        self.name = name
        self.bytes = bytes
        self.statuses = statuses
        self.fate = fate
        self.body = body
        self.fields = fields
        self.heads = heads
    }

    var testDescription: String { "\(section): \(name)" }
}

extension WireCase {
    static let all: [WireCase] = [requestLines, fields, framing, chunks, exchanges].flatMap { $0 }

    /// Cases that come from one section of an RFC.
    static func rfc(_ section: String, _ cases: [WireCase]) -> [WireCase] {
        cases.map { test in
            var test = test
            test.section = "RFC \(section)"
            return test
        }
    }

    static func get(_ target: String, _ fields: String = "") -> String {
        "GET \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    }

    static func head(_ target: String, _ fields: String = "") -> String {
        "HEAD \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    }

    static func put(_ fields: String, _ body: String = "", to target: String = "/echo") -> String {
        "PUT \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\(body)"
    }

    static func padding(_ count: Int) -> String { String(repeating: "a", count: count) }
}
