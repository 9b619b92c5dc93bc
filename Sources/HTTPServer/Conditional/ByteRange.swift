/// The one range of bytes that a `Range` field asks for (RFC 9110 section 14.1.2).
enum ByteRange: Equatable {
    /// From a position on, to another or to the end; both count.
    case from(Int, through: Int?)
    /// So many of the last bytes.
    case last(Int)

    /// nil for what a server is free to ignore (section 14.2): another unit, several ranges, and what is not a range.
    init?(_ values: [String]) {
        guard values.count == 1, let text = values.first?.utf8, let equals = text.firstIndex(of: UInt8(ascii: "=")),
            ASCII.equal(text[..<equals], ignoringCase: "bytes")
        else { return nil }
        let bounds = ASCII.trimmed(text[text.index(after: equals)...]).split(
            separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard bounds.count == 2 else { return nil }
        switch (ByteRange.number(bounds[0]), ByteRange.number(bounds[1])) {
        case (let first?, let last?) where first <= last: self = .from(first, through: last)
        case (let first?, nil) where bounds[1].isEmpty: self = .from(first, through: nil)
        case (nil, let count?) where bounds[0].isEmpty: self = .last(count)
        default: return nil
        }
    }

    /// The bytes that are there of it; nil when none is (section 15.5.17).
    func resolved(in byteCount: Int) -> Range<Int>? {
        switch self {
        case .from(let first, let last):
            guard first < byteCount else { return nil }
            return first..<min(last ?? byteCount - 1, byteCount - 1) + 1
        case .last(let count):
            guard count > 0, byteCount > 0 else { return nil }
            return max(0, byteCount - count)..<byteCount
        }
    }

    /// Digits only; numbers beyond Int become the largest one, which no file reaches.
    private static func number(_ digits: Substring.UTF8View) -> Int? {
        guard !digits.isEmpty, digits.allSatisfy(ASCII.isDigit) else { return nil }
        return Int(Substring(digits)) ?? .max
    }
}
