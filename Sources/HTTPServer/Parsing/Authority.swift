import Foundation

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
enum Authority {
    /// Whether bytes may stand in a Host field. An empty host is valid: it says that the target has none.
    static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        var rest = bytes[...]
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")), isAddress(rest[..<end].dropFirst()) else { return false }
            rest = rest[end...].dropFirst()
        } else {
            let end = rest.firstIndex(of: ASCII.colon) ?? rest.endIndex
            guard isName(rest[..<end]) else { return false }
            rest = rest[end...]
        }
        return rest.isEmpty || rest.first == ASCII.colon && rest.dropFirst().allSatisfy(ASCII.isDigit)
    }

    /// `reg-name`, which an IPv4 address is too.
    private static func isName(_ bytes: some Collection<UInt8>) -> Bool {
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == ASCII.percent {
                guard rest.popFirst().flatMap(ASCII.hexadecimal) != nil, rest.popFirst().flatMap(ASCII.hexadecimal) != nil else {
                    return false
                }
            } else if !isNameByte(byte) {
                return false
            }
        }
        return true
    }

    /// `IPv6address` or `IPvFuture`, without brackets.
    private static func isAddress(_ bytes: some Collection<UInt8>) -> Bool {
        if let first = bytes.first, ASCII.lowercased(first) == UInt8(ascii: "v") {
            let parts = bytes.dropFirst().split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 && !parts.contains(where: \.isEmpty) && parts[0].allSatisfy { ASCII.hexadecimal($0) != nil }
                && parts[1].allSatisfy { isNameByte($0) || $0 == ASCII.colon }
        }
        var address = in6_addr()
        return inet_pton(AF_INET6, String(decoding: bytes, as: UTF8.self), &address) == 1
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
