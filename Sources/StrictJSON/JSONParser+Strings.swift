extension JSONParser {
    /// §7. Reads a string from its opening quotation mark to behind its closing one.
    mutating func string() throws(JSONError) -> String {
        let start = position + 1
        let (end, hasEscapes) = try endOfString(from: start)
        position = end + 1
        // Escapes are ASCII and stand for whole characters, so the text is UTF-8 exactly when its unescaped form is.
        let text = UnsafeRawBufferPointer(rebasing: bytes[start..<end]).assumingMemoryBound(to: UInt8.self)
        let valid: UTF8Span
        do {
            valid = try UTF8Span(validating: text.span)
        } catch {
            throw JSONError(.invalidUTF8, at: start + error.byteOffsets.lowerBound)
        }
        return hasEscapes ? try unescaped(from: start, to: end) : String(copying: valid)
    }

    /// Finds the closing quotation mark. The byte behind a backslash is stepped over here and checked in `unescaped`.
    private func endOfString(from start: Int) throws(JSONError) -> (end: Int, hasEscapes: Bool) {
        var index = start
        var hasEscapes = false
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""): return (index, hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                index += 2
            case ..<0x20: throw JSONError(.controlCharacter, at: index)
            default: index += 1
            }
        }
        throw JSONError(.unexpectedEnd, at: bytes.count)
    }

    private func unescaped(from start: Int, to end: Int) throws(JSONError) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(end - start)
        var index = start
        while index < end {
            guard bytes[index] == UInt8(ascii: "\\") else {
                result.append(bytes[index])
                index += 1
                continue
            }
            // `endOfString` has made sure that the byte behind the backslash lies before `end`.
            switch bytes[index + 1] {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(bytes[index + 1])
            case UInt8(ascii: "u"):
                let (scalar, length) = try escapedScalar(at: index, end: end)
                result += scalar.utf8
                index += length
                continue
            default: throw JSONError(.invalidEscape, at: index)
            }
            index += 2
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The character of `\uXXXX`, or of two of them that are a surrogate pair, and how many bytes that took.
    private func escapedScalar(at index: Int, end: Int) throws(JSONError) -> (scalar: Unicode.Scalar, length: Int) {
        let first = try codeUnit(at: index, end: end)
        if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
        let hasSecond = UTF16.isLeadSurrogate(first) && index + 7 < end
        guard hasSecond, bytes[index + 6] == UInt8(ascii: "\\"), bytes[index + 7] == UInt8(ascii: "u") else {
            throw JSONError(.loneSurrogate, at: index)
        }
        let second = try codeUnit(at: index + 6, end: end)
        let pair = 0x10000 + UInt32(first & 0x3FF) << 10 + UInt32(second & 0x3FF)
        guard UTF16.isTrailSurrogate(second), let scalar = Unicode.Scalar(pair) else { throw JSONError(.loneSurrogate, at: index) }
        return (scalar, 12)
    }

    private func codeUnit(at index: Int, end: Int) throws(JSONError) -> UInt16 {
        guard index + 6 <= end else { throw JSONError(.invalidEscape, at: index) }
        var unit: UInt16 = 0
        for byte in bytes[index + 2..<index + 6] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw JSONError(.invalidEscape, at: index)
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}
