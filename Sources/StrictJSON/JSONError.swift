/// Why a text is not JSON as RFC 8259 defines it, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rule that was broken. Raw values are stable and meant for machines.
    public enum Reason: String, Sendable, CaseIterable {
        /// The text ends in the middle of a value, or is empty (§2).
        case unexpectedEnd = "unexpected-end"
        /// A byte that cannot stand here (§2, §3).
        case unexpectedByte = "unexpected-byte"
        /// Something other than whitespace follows the value (§2).
        case trailingBytes = "trailing-bytes"
        /// Arrays and objects are nested deeper than the caller allows (§9).
        case tooDeep = "too-deep"
        /// An object has two members of one name, possibly escaped differently (§4).
        case duplicateName = "duplicate-name"
        /// A number with a leading zero, or without digits where some must be (§6).
        case invalidNumber = "invalid-number"
        /// `NaN` or `Infinity`, which some languages write and JSON does not have (§6).
        case nonFiniteNumber = "non-finite-number"
        /// A raw control character, below U+0020, in a string (§7).
        case controlCharacter = "control-character"
        /// A backslash followed by something that is no escape (§7).
        case invalidEscape = "invalid-escape"
        /// Half of a surrogate pair in `\u` escapes: no Unicode character (§8.2).
        case loneSurrogate = "lone-surrogate"
        /// Bytes that are not UTF-8: overlong, a surrogate, cut off, or out of range (§8.1).
        case invalidUTF8 = "invalid-utf8"
        /// The text begins with a byte order mark (§8.1).
        case byteOrderMark = "byte-order-mark"
    }

    /// The rule that was broken.
    public let reason: Reason
    /// The byte, counted from 0, at which it was noticed.
    public let offset: Int
    /// The repeated name, for ``Reason/duplicateName``; cut after 80 Unicode scalars, so that an error stays small.
    public let name: String?

    init(_ reason: Reason, at offset: Int, name: String? = nil) {
        self.reason = reason
        self.offset = offset
        self.name = name.map { String($0.unicodeScalars.prefix(80)) }
    }

    /// A sentence for people.
    public var description: String {
        let what =
            switch reason {
            case .unexpectedEnd: "the text ends too early"
            case .unexpectedByte: "unexpected byte"
            case .trailingBytes: "unexpected byte after the value"
            case .tooDeep: "arrays and objects are nested too deeply"
            case .duplicateName: "the name \"\(name ?? "")\" stands twice in one object"
            case .invalidNumber: "malformed number"
            case .nonFiniteNumber: "JSON has neither NaN nor Infinity"
            case .controlCharacter: "unescaped control character in a string"
            case .invalidEscape: "unknown escape in a string"
            case .loneSurrogate: "escaped surrogate without its other half"
            case .invalidUTF8: "invalid UTF-8"
            case .byteOrderMark: "byte order mark"
            }
        return "\(what), at byte \(offset)"
    }
}
