import StrictJSON
import Testing

/// Parses a text; strings in tests stand for their UTF-8.
func parse(_ text: String, maximumDepth: Int = 64) throws(JSONError) -> JSONValue {
    try JSONValue(parsing: Array(text.utf8), maximumDepth: maximumDepth)
}

@Suite struct JSONParsingTests {
    static let good: [(String, JSONValue)] = [
        ("null", nil), ("true", true), (" \t\r\n false \n", false),
        ("0", 0), ("-0", 0), ("12", 12), ("-1.5e2", -150), ("1E+2", 100), ("5e-1", 0.5),
        (#""""#, ""), (#""a b""#, "a b"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#""\u0041\u00e9\u20AC\ud834\uDD1E""#, "Aé€𝄞"), (#""\u0000""#, "\0"), ("\"é€𝄞\u{7F}\"", "é€𝄞\u{7F}"),
        (#""\uD7FF\uE000\uFFFF""#, "\u{D7FF}\u{E000}\u{FFFF}"), (#""\uD800\uDC00\uDBFF\uDFFF""#, "\u{10000}\u{10FFFF}"),
        ("[]", []), ("[ ]", []), ("[1 , [2],{}]", [1, [2], [:]]),
        ("{}", [:]), (#"{ "a" : 1 , "b":[true,null]}"#, ["a": 1, "b": [true, nil]]),
    ]

    @Test(arguments: good) func wellFormedTextIsRead(text: String, value: JSONValue) throws {
        #expect(try parse(text) == value)
    }

    static let bad: [(String, JSONError.Reason, Int)] = [
        ("", .unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("nul", .unexpectedByte, 0), ("True", .unexpectedByte, 0),
        ("[", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2), ("[1,", .unexpectedEnd, 3), ("[1,]", .unexpectedByte, 3),
        ("[,1]", .unexpectedByte, 1), ("[1 2]", .unexpectedByte, 3), ("[1}", .unexpectedByte, 2), ("]", .unexpectedByte, 0),
        ("{", .unexpectedEnd, 1), ("{1:2}", .unexpectedByte, 1), (#"{"a""#, .unexpectedEnd, 4), (#"{"a"1}"#, .unexpectedByte, 4),
        (#"{"a":}"#, .unexpectedByte, 5), (#"{"a":1,}"#, .unexpectedByte, 7), ("{'a':1}", .unexpectedByte, 1),
        ("1 2", .trailingBytes, 2), ("{}x", .trailingBytes, 2), ("null\0", .trailingBytes, 4), ("1\u{A0}", .trailingBytes, 1),
        ("01", .invalidNumber, 0), ("-01", .invalidNumber, 0), ("[1.]", .invalidNumber, 1), ("[.5]", .unexpectedByte, 1),
        ("+1", .unexpectedByte, 0), ("-", .unexpectedEnd, 1), ("-x", .invalidNumber, 0), ("1e", .unexpectedEnd, 2),
        ("[1e+]", .invalidNumber, 1), ("0x10", .trailingBytes, 1), ("1.", .unexpectedEnd, 2),
        ("NaN", .nonFiniteNumber, 0), ("[Infinity]", .nonFiniteNumber, 1), ("-Infinity", .nonFiniteNumber, 0),
        (#"""#, .unexpectedEnd, 1), (#""\"#, .unexpectedEnd, 2), (#""\""#, .unexpectedEnd, 3), ("\"\n\"", .controlCharacter, 1),
        ("\"a\0\"", .controlCharacter, 2), (#""\x41""#, .invalidEscape, 1), (#""\u12""#, .invalidEscape, 1),
        (#""\u12G4""#, .invalidEscape, 1), (#""\u+123""#, .invalidEscape, 1), ("\"\\\n\"", .invalidEscape, 1),
        (#""a\ud834""#, .loneSurrogate, 2), (#""\udd1e""#, .loneSurrogate, 1), (#""\ud834\n""#, .loneSurrogate, 1),
        (#""\ud834\u0041""#, .loneSurrogate, 1), (#""\ud834\ud834""#, .loneSurrogate, 1), (#""\ud834\u""#, .invalidEscape, 7),
        (#"{"a":1,"a":2}"#, .duplicateName, 7), (#"{"a":1,"\u0061":2}"#, .duplicateName, 7), (#"{"":1,"":1}"#, .duplicateName, 6),
        ("\u{FEFF}{}", .byteOrderMark, 0),
    ]

    @Test(arguments: bad) func malformedTextIsRefusedWithItsPlace(text: String, reason: JSONError.Reason, offset: Int) {
        let error = #expect(throws: JSONError.self) { try parse(text) }
        #expect(error?.reason == reason && error?.offset == offset)
    }

    static let notUTF8: [([UInt8], Int)] = [
        ([0xFF], 1), ([0x80], 1), ([0x41, 0xC3], 2), ([0xC0, 0xAF], 1), ([0xE0, 0x80, 0xAF], 1), ([0xF0, 0x80, 0x80, 0xAF], 1),
        ([0xED, 0xA0, 0x80], 1), ([0xF4, 0x90, 0x80, 0x80], 1), ([0xE2, 0x82, 0x5C, 0x6E, 0xAC], 1), ([0xC3, 0x5C, 0x6E], 1),
    ]

    @Test(arguments: notUTF8) func bytesThatAreNotUTF8AreRefused(bytes: [UInt8], offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
        #expect(error?.reason == .invalidUTF8 && error?.offset == offset)
        #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    }

    @Test func nestingIsLimited() throws {
        func nested(pairs: Int) -> String { String(repeating: #"[{"a":"#, count: pairs) + "0" + String(repeating: "}]", count: pairs) }
        #expect(throws: Never.self) { try parse(nested(pairs: 32)) }
        let error = #expect(throws: JSONError.self) { try parse(nested(pairs: 33)) }
        #expect(error?.reason == .tooDeep && error?.offset == 32 * 6)
        #expect(try parse("1", maximumDepth: 0) == 1)
        #expect(throws: JSONError.self) { try parse("[]", maximumDepth: 0) }
        #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 1_000_000), maximumDepth: 256) }
    }

    @Test func namesThatDifferInBytesAreDifferent() throws {
        let value = try parse("{\"\u{E9}\": 1, \"e\u{301}\": 2, \"K\": 3, \"\u{212A}\": 4}")
        #expect(value.objectValue?.count == 4)
        #expect(value["\u{E9}"] == 1 && value["e\u{301}"] == 2 && value["K"] == 3 && value["\u{212A}"] == 4)
    }

    @Test func anErrorStaysSmall() {
        let name = String(repeating: "a\u{301}", count: 100_000)
        let error = #expect(throws: JSONError.self) { try parse("{\"\(name)\":1,\"\(name)\":1}") }
        #expect(error?.name?.unicodeScalars.count == 80)
        #expect(error?.description.contains("stands twice") == true)
    }

    @Test func noBytesTrapTheParser() throws {
        var random = SplitMix(state: 1)
        let alphabet = Array(#"{}[]",:\u0ed8cDC-+.eE1tn \#u{FEFF}é"#.utf8) + [0, 0xFF]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            #expect(try JSONValue(parsing: value.serialized()) == value)
        }
    }
}

/// A small seeded generator, so that a failure can be repeated. (Steele, Lea and Flood, OOPSLA 2014.)
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
