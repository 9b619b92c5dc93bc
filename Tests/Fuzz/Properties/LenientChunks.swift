/// A chunked body as a careless reader takes it: hexadecimal digits at a line's beginning, and whatever follows them skipped.
///
/// What the server accepts must be the same to such a reader, or a request could be hidden from one of the two.
struct LenientChunks {
    let data: [UInt8]
    /// Bytes of the body, framing and trailers included.
    let count: Int

    init?(_ bytes: Slice<UnsafeRawBufferPointer>) {
        var rest = Array(bytes)[...]
        var data: [UInt8] = []
        while true {
            guard let line = LenientChunks.line(&rest) else { return nil }
            let digits = line.prefix { Character(Unicode.Scalar($0)).isHexDigit }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) else { return nil }
            if size == 0 { break }
            guard rest.count >= size else { return nil }
            data += rest.prefix(size)
            rest = rest.dropFirst(size)
            guard LenientChunks.line(&rest)?.isEmpty == true else { return nil }
        }
        while let line = LenientChunks.line(&rest) {
            guard line.isEmpty else { continue }
            self.data = data
            count = bytes.count - rest.count
            return
        }
        return nil
    }

    /// Takes the next line, which ends in LF with or without CR.
    private static func line(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = rest.firstIndex(of: 0x0A) else { return nil }
        defer { rest = rest[(end + 1)...] }
        let line = rest[..<end]
        return line.last == 0x0D ? line.dropLast() : line
    }
}
