import HTTPServer
import HTTPTypes

/// A head that was accepted says what its bytes say, read in the plainest way.
struct HeadProperty {
    let head: RequestHead
    /// With the empty lines before it.
    let bytes: [UInt8]

    func check(_ limits: HeadLimits) throws(Violation) {
        var lines = self.lines
        try require(lines.popLast() == [] && lines.popLast() == [], "the head does not end in an empty line")
        let emptyLines = lines.prefix { $0.isEmpty }.count
        lines.removeFirst(emptyLines)
        try require(emptyLines <= 4, "\(emptyLines) empty lines")
        try require(!lines.contains { $0.isEmpty }, "an empty line within the head")
        try require(!lines.joined().contains { [0x00, 0x0A, 0x0D].contains($0) }, "a CR, LF or NUL within a line")
        try require(bytes.count - 2 * emptyLines <= limits.bytes, "a head of \(bytes.count) bytes")
        try require(lines[0].count <= limits.requestLineBytes, "a request line of \(lines[0].count) bytes")
        try require(lines.count - 1 <= limits.fields, "\(lines.count - 1) fields")
        try checkRequestLine(lines[0])
        let fields = try checkFields(lines.dropFirst())
        try checkFraming(fields)
        try checkPath()
    }

    /// The bytes between one CRLF and the next.
    private var lines: [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        for index in bytes.indices.dropFirst() where bytes[index] == 0x0A && bytes[index - 1] == 0x0D {
            lines.append(bytes[start..<index - 1])
            start = index + 1
        }
        return lines + [bytes[start...]]
    }

    private func checkRequestLine(_ line: ArraySlice<UInt8>) throws(Violation) {
        let start = Array("\(head.method.rawValue) ".utf8) + head.target.raw
        try require(line.starts(with: start), "another method or target than sent")
        let version = String(decoding: line.dropFirst(start.count), as: UTF8.self)
        try require(version.hasPrefix(" HTTP/1.") && version.utf8.count == 9, "the version\(version)")
        try require((version == " HTTP/1.0") == (head.version == .http10), "another version than sent")
        try require(head.target.raw.allSatisfy { (0x21...0x7E).contains($0) }, "a target that is no URI")
    }

    private typealias Field = (name: String, value: [UInt8])

    /// Every line is a field, and every field a line, name and value as sent.
    private func checkFields(_ lines: ArraySlice<ArraySlice<UInt8>>) throws(Violation) -> [Field] {
        let fields = head.fields.map { Field(name: $0.name.rawName, value: $0.withUnsafeBytesOfValue { Array($0) }) }
        try require(fields.count == lines.count, "\(fields.count) fields in \(lines.count) lines")
        for (field, line) in zip(fields, lines) {
            try require(line.starts(with: Array("\(field.name):".utf8)), "the field \(field.name) from another line")
            var rest = line.dropFirst(field.name.utf8.count + 1).drop { $0 == 0x20 || $0 == 0x09 }
            while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
            try require(rest.elementsEqual(field.value), "another value of \(field.name) than sent")
        }
        return fields.map { ($0.name.lowercased(), $0.value) }
    }

    /// One framing, said once, in digits or as `chunked`.
    private func checkFraming(_ fields: [Field]) throws(Violation) {
        let lengths = fields.filter { $0.name == "content-length" }.map { String(decoding: $0.value, as: UTF8.self) }
        let codings = fields.filter { $0.name == "transfer-encoding" }.map { String(decoding: $0.value, as: UTF8.self).lowercased() }
        switch head.framing {
        case .none:
            try require(lengths.isEmpty && codings.isEmpty, "no body although \(lengths) \(codings)")
        case .length(let length):
            try require(lengths.count == 1 && codings.isEmpty, "a length although \(lengths) \(codings)")
            let digits = lengths[0].drop { $0 == "0" }
            try require(digits == (length == 0 ? "" : "\(length)") && length >= 0, "the length \(length) for \(lengths)")
        case .chunked:
            try require(lengths.isEmpty && codings == ["chunked"], "chunked although \(lengths) \(codings)")
            try require(head.version == .http11, "chunked in HTTP/1.0")
        }
        let hosts = fields.count { $0.name == "host" }
        try require(hosts == 1 || hosts == 0 && head.version == .http10, "\(hosts) hosts")
        if head.expectsContinue {
            try require(head.version == .http11 && fields.contains { $0.name == "expect" }, "an expectation that nobody has")
        }
    }

    /// The path's segments are its bytes, decoded once.
    private func checkPath() throws(Violation) {
        guard head.target.raw.first == UInt8(ascii: "/") else { return }
        let path = head.target.raw.prefix { $0 != UInt8(ascii: "?") }
        var decoded: [UInt8] = []
        var rest = path
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), let value = UInt8(digits, radix: 16) {
                decoded.append(value)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        try require(Array("/\(head.target.pathSegments.joined(separator: "/"))".utf8) == decoded, "the path is decoded otherwise")
        try require(!decoded.contains(0), "NUL in a path")
        let slashes = path.count { $0 == UInt8(ascii: "/") }
        try require(head.target.pathSegments.count == (path.count == 1 ? 0 : slashes), "the path is parted otherwise")
    }
}
