/// A pattern over parameter names, as groups use it: `*` fits any bytes (also none, also `.` and `/`), `?` one character.
///
/// Everything else stands for itself, byte by byte.
struct Glob: Sendable, Equatable {
    private let pattern: [UInt8]

    init(_ pattern: String) {
        self.pattern = Array(pattern.utf8)
    }

    /// Bytes of the pattern.
    var byteCount: Int { pattern.count }

    /// - Parameter name: in UTF-8.
    /// - Complexity: O(pattern × name) in the worst case; no recursion.
    func matches(_ name: [UInt8]) -> Bool {
        var p = 0
        var n = 0
        var star: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p, n)
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") {
                p += 1
                n = Glob.characterEnd(in: name, at: n)
            } else if p < pattern.count, pattern[p] == name[n] {
                p += 1
                n += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                p = last.pattern + 1
                n = last.name + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// The index after the UTF-8 sequence that begins at `index`.
    private static func characterEnd(in bytes: [UInt8], at index: Int) -> Int {
        var end = index + 1
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
        return end
    }
}
