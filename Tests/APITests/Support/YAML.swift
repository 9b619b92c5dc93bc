import StrictJSON

/// Reads the YAML that openapi.yaml is written in, as JSON: mappings and lists in blocks or in braces, literal blocks, quoted and plain
/// scalars on one line. Plain scalars are numbers, booleans, null or strings.
struct YAML {
    struct Failure: Error {
        let line: String
    }

    private var lines: ArraySlice<(indent: Int, text: Substring)>

    /// - Throws: ``Failure`` with the line that is not of this kind.
    static func read(_ text: String) throws -> JSONValue {
        var yaml = YAML(
            lines: text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                let content = line.drop { $0 == " " }
                return (line.utf8.count - content.utf8.count, content)
            }[...])
        return try yaml.block(atLeast: 0)
    }

    private mutating func skipEmptyLines() {
        lines = lines.drop { $0.text.isEmpty || $0.text.hasPrefix("#") }
    }

    private mutating func block(atLeast lowest: Int) throws -> JSONValue {
        skipEmptyLines()
        guard let first = lines.first, first.indent >= lowest else { return .null }
        return first.text.hasPrefix("- ") ? try list(at: first.indent) : try mapping(at: first.indent)
    }

    private mutating func list(at indent: Int) throws -> JSONValue {
        var items: [JSONValue] = []
        while let line = lines.first, line.indent == indent, line.text.hasPrefix("- ") {
            let item = line.text.dropFirst(2)
            if item.hasPrefix("{") || item.hasPrefix("[") || item.hasPrefix("'") || YAML.key(of: item) == nil {
                lines = lines.dropFirst()
                items.append(try YAML.inline(item))
            } else {
                // A mapping whose first line stands behind the dash.
                lines[lines.startIndex] = (indent + 2, item)
                items.append(try mapping(at: indent + 2))
            }
            skipEmptyLines()
        }
        return .array(items)
    }

    private mutating func mapping(at indent: Int) throws -> JSONValue {
        var object = JSONObject()
        while let line = lines.first, line.indent == indent, !line.text.hasPrefix("- ") {
            guard let (key, rest) = YAML.key(of: line.text), object[key] == nil else { throw Failure(line: String(line.text)) }
            lines = lines.dropFirst()
            switch rest {
            case "": object[key] = try block(atLeast: indent + 1)
            case "|": object[key] = .string(literal(indentedMoreThan: indent))
            default: object[key] = try YAML.inline(rest)
            }
            skipEmptyLines()
        }
        if let line = lines.first, line.indent > indent { throw Failure(line: String(line.text)) }
        return .object(object)
    }

    private mutating func literal(indentedMoreThan indent: Int) -> String {
        let text = lines.prefix { $0.text.isEmpty || $0.indent > indent }
        lines = lines[text.endIndex...]
        return text.map { String($0.text) }.joined(separator: "\n")
    }

    /// `key: rest`; nil when the line is no member of a mapping.
    private static func key(of line: Substring) -> (key: String, rest: Substring)? {
        guard let match = line.wholeMatch(of: /('[^']*'|[^'"{\[\s][^:]*(?::[^\s:][^:]*)*):(?: +(.*))?/) else { return nil }
        return (match.1.trimmingPrefix("'").hasSuffix("'") ? String(match.1.dropFirst().dropLast()) : String(match.1), match.2 ?? "")
    }

    // MARK: On one line

    private static func inline(_ text: Substring) throws -> JSONValue {
        var rest = text
        let value = try flow(&rest, within: "")
        guard rest.isEmpty else { throw Failure(line: String(text)) }
        return value
    }

    /// - Parameter ends: what ends a plain scalar.
    private static func flow(_ rest: inout Substring, within ends: String) throws -> JSONValue {
        rest = rest.drop { $0 == " " }
        switch rest.first {
        case "{":
            var object = JSONObject()
            try members(&rest, until: "}") { rest in
                guard let match = rest.prefixMatch(of: /([^\s:,{}\[\]]+): */) else { throw Failure(line: String(rest)) }
                rest = rest[match.range.upperBound...]
                object[String(match.1)] = try flow(&rest, within: ",}")
            }
            return .object(object)
        case "[":
            var items: [JSONValue] = []
            try members(&rest, until: "]") { rest in items.append(try flow(&rest, within: ",]")) }
            return .array(items)
        case "'":
            guard let match = rest.prefixMatch(of: /'((?:[^']|'')*)'/) else { throw Failure(line: String(rest)) }
            rest = rest[match.range.upperBound...]
            return .string(String(match.1).replacing("''", with: "'"))
        case "\"":
            guard let match = rest.prefixMatch(of: /"[^"]*"/) else { throw Failure(line: String(rest)) }
            rest = rest[match.range.upperBound...]
            return try JSONValue(parsing: Array(match.0.utf8))
        default:
            let scalar = rest.prefix { character in !ends.contains { $0 == character } }
            rest = rest[scalar.endIndex...]
            return (try? JSONValue(parsing: Array(scalar.utf8))) ?? .string(String(scalar))
        }
    }

    private static func members(_ rest: inout Substring, until end: Character, _ member: (inout Substring) throws -> Void) throws {
        repeat {
            rest = rest.dropFirst().drop { $0 == " " }
            if rest.first == end { break }
            try member(&rest)
            rest = rest.drop { $0 == " " }
        } while rest.first == ","
        guard rest.first == end else { throw Failure(line: String(rest)) }
        rest = rest.dropFirst()
    }
}
