import StrictJSON

/// What came back for a request.
struct HTTPAnswer {
    let status: Int
    /// In the order received; names as received.
    let fields: [(name: String, value: String)]
    var body: [UInt8] = []

    /// The value of a field, by its name in any case.
    subscript(name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The body as JSON; null if it is none.
    var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }

    /// What kind of problem it reports, without the common prefix.
    var problem: String? {
        let prefix = "urn:lather:problem:"
        return json["type"]?.stringValue.flatMap { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil }
    }

    /// The status, and the kind of problem where there is one: "409 epoch-fenced".
    var outcome: String { problem.map { "\(status) \($0)" } ?? String(status) }

    /// That it is not what was hoped for.
    func failure(_ what: String) -> TestFailure {
        TestFailure("\(what): \(status) \(String(decoding: body, as: UTF8.self))")
    }
}
