import StrictJSON
import Testing

@Suite struct JSONWritingTests {
    static let compact: [(JSONValue, String)] = [
        (nil, "null"), (true, "true"), (false, "false"), (-7, "-7"), (0.25, "0.25"), ([], "[]"), ([:], "{}"),
        (["b": [1, "x", nil], "a": ["c": [:]]], #"{"b":[1,"x",null],"a":{"c":{}}}"#),
        ("\"\\/", #""\"\\/""#), ("\u{8}\t\n\u{C}\r", #""\b\t\n\f\r""#), ("\0\u{1}\u{1F}\u{7F}", "\"\\u0000\\u0001\\u001f\u{7F}\""),
        ("é€𝄞\u{2028}", "\"é€𝄞\u{2028}\""),
    ]

    @Test(arguments: compact) func compactTextHasNoSpareByte(value: JSONValue, text: String) throws {
        #expect(value.serialized() == Array(text.utf8))
        #expect(try parse(text) == value)
    }

    @Test func prettyTextIsIndentedAndTheSameValue() throws {
        let value: JSONValue = ["a": [1, 2], "b": [:], "c": [], "d": ["e": "f"]]
        let text = """
            {
              "a": [
                1,
                2
              ],
              "b": {},
              "c": [],
              "d": {
                "e": "f"
              }
            }
            """
        #expect(value.serialized(pretty: true) == Array(text.utf8))
        #expect(try parse(text) == value)
    }

    @Test func accessorsAnswerOnlyForTheirKind() {
        let values: [JSONValue] = [nil, true, 1, "s", [1], ["a": 1]]
        #expect(values.map(\.kind) == ["null", "boolean", "number", "string", "array", "object"])
        #expect(values.map(\.isNull) == [true, false, false, false, false, false])
        #expect(values.compactMap(\.boolValue) == [true])
        #expect(values.compactMap(\.numberValue).map(\.literal) == ["1"])
        #expect(values.compactMap(\.stringValue) == ["s"])
        #expect(values.compactMap(\.arrayValue) == [[1]])
        #expect(values.compactMap(\.objectValue) == [["a": 1]])
        #expect(values.compactMap { $0["a"] } == [1])
    }
}
