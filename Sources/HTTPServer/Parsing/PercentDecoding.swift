/// Percent-decoding (RFC 3986 section 2.1) to text.
enum PercentDecoding {
    /// - Parameter bytes: printable ASCII.
    /// - Throws: 400 for a percent sign without two hexadecimal digits, for bytes that are not UTF-8, and for NUL.
    static func decode(_ bytes: ArraySlice<UInt8>) throws(HTTPError) -> String {
        guard bytes.contains(ASCII.percent) else { return String(decoding: bytes, as: UTF8.self) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == ASCII.percent else {
                decoded.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(ASCII.hexadecimal), let low = rest.popFirst().flatMap(ASCII.hexadecimal) else {
                throw .malformed("The target holds a % that is not followed by two hexadecimal digits.")
            }
            decoded.append(high << 4 | low)
        }
        guard !decoded.contains(0), let text = String(validating: decoded, as: UTF8.self) else {
            throw .malformed("The target's percent-encoded bytes are not UTF-8, or hold NUL.")
        }
        return text
    }
}
