/// `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
enum Authority {
    /// Whether bytes may stand in a Host field. An empty host is valid: it says that the target has none.
    static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        var rest = bytes[...]
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let literal = rest[..<end].dropFirst()
            guard !literal.isEmpty, literal.allSatisfy({ isNameByte($0) || $0 == ASCII.colon }) else { return false }
            rest = rest[end...].dropFirst()
        } else {
            let end = rest.firstIndex(of: ASCII.colon) ?? rest.endIndex
            guard rest[..<end].allSatisfy({ isNameByte($0) || $0 == ASCII.percent }) else { return false }
            rest = rest[end...]
        }
        return rest.isEmpty || rest.first == ASCII.colon && rest.dropFirst().allSatisfy(ASCII.isDigit)
    }

    /// `unreserved` and `sub-delims`.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "-._~!$&'()*+,;=".utf8.contains(byte)
        }
    }
}
