/// Reads one JSON text front to back; recursive descent, bounded by `maximumDepth`. Section numbers are those of RFC 8259.
struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let maximumDepth: Int
    /// The next byte to read; never beyond `bytes.count` between two calls.
    var position = 0

    init(_ bytes: UnsafeRawBufferPointer, maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    /// §2: whitespace, one value, whitespace.
    mutating func document() throws(JSONError) -> JSONValue {
        if follows("\u{FEFF}") { throw JSONError(.byteOrderMark, at: 0) }
        skipWhitespace()
        let value = try value(depth: 0)
        skipWhitespace()
        guard position == bytes.count else { throw JSONError(.trailingBytes, at: position) }
        return value
    }

    /// §3. `depth` counts the arrays and objects around the value.
    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"): return .number(try number())
        default: break
        }
        if isDigit(next) { return .number(try number()) }
        if take("true") { return .bool(true) }
        if take("false") { return .bool(false) }
        if take("null") { return .null }
        throw follows("NaN") || follows("Infinity") ? JSONError(.nonFiniteNumber, at: position) : unexpected()
    }

    /// §4.
    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        try enter(depth)
        var object = JSONObject()
        if take("}") { return object }
        while true {
            let start = position
            guard next == UInt8(ascii: "\"") else { throw unexpected() }
            let name = try string()
            skipWhitespace()
            guard take(":") else { throw unexpected() }
            skipWhitespace()
            guard object.appendIfNew(name, try value(depth: depth + 1)) else {
                throw JSONError(.duplicateName, at: start, name: name)
            }
            guard try isFollowedByAnother(closing: "}") else { return object }
        }
    }

    /// §5.
    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        try enter(depth)
        var array: [JSONValue] = []
        if take("]") { return array }
        while true {
            array.append(try value(depth: depth + 1))
            guard try isFollowedByAnother(closing: "]") else { return array }
        }
    }

    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth < maximumDepth else { throw JSONError(.tooDeep, at: position) }
        position += 1
        skipWhitespace()
    }

    /// Reads what stands behind an element: a comma, then there must be another one, or the closing bracket.
    private mutating func isFollowedByAnother(closing: StaticString) throws(JSONError) -> Bool {
        skipWhitespace()
        if take(closing) { return false }
        guard take(",") else { throw unexpected() }
        skipWhitespace()
        return true
    }

    /// §6: `[-] int [frac] [exp]`.
    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = position
        if take("-"), follows("Infinity") { throw JSONError(.nonFiniteNumber, at: start) }
        if take("0") {
            if isDigit(next) { throw JSONError(.invalidNumber, at: start) }
        } else {
            try digits(of: start)
        }
        if take(".") { try digits(of: start) }
        if take("e") || take("E") {
            if !take("-") { _ = take("+") }
            try digits(of: start)
        }
        return JSONNumber(unchecked: String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self))
    }

    private mutating func digits(of start: Int) throws(JSONError) {
        guard let first = next else { throw unexpected() }
        guard isDigit(first) else { throw JSONError(.invalidNumber, at: start) }
        while isDigit(next) { position += 1 }
    }

    private func isDigit(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// The next byte; nil at the end.
    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// What to throw when the next byte fits nowhere.
    private func unexpected() -> JSONError {
        JSONError(position < bytes.count ? .unexpectedByte : .unexpectedEnd, at: position)
    }

    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    /// Whether this text comes next.
    private func follows(_ text: StaticString) -> Bool {
        guard bytes.count - position >= text.utf8CodeUnitCount else { return false }
        return (0..<text.utf8CodeUnitCount).allSatisfy { bytes[position + $0] == text.utf8Start[$0] }
    }

    /// Steps over this text if it comes next.
    private mutating func take(_ text: StaticString) -> Bool {
        guard follows(text) else { return false }
        position += text.utf8CodeUnitCount
        return true
    }
}
