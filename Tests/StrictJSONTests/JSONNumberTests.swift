import StrictJSON
import Testing

@Suite struct JSONNumberTests {
    static let integers: [(String, Int?)] = [
        ("0", 0), ("-0", 0), ("0e99999999999999999999", 0), ("1e3", 1000), ("3.0", 3), ("-1.50e1", -15), ("1200e-2", 12), ("0.001e3", 1),
        ("9223372036854775807", Int.max), ("9223372036854775808", nil), ("-9223372036854775808", Int.min),
        ("-9223372036854775809", nil), ("9.223372036854775807e18", Int.max), ("922337203685477580700e-2", Int.max),
        ("0.5", nil), ("1e-1", nil), ("12e-2", nil), ("1e19", nil), ("1e99999999999999999999", nil), ("1e-99999999999999999999", nil),
        ("1e9223372036854775807", nil), ("10e9223372036854775807", nil), ("0.1e-9223372036854775808", nil),
    ]

    @Test(arguments: integers) func anIntegerIsExactOrNil(literal: String, integer: Int?) {
        #expect(JSONNumber(literal: literal)?.integer == integer)
    }

    static let doubles: [(String, Double?)] = [
        ("0.1", 0.1), ("-0", -0.0), ("1e308", 1e308), ("1.7976931348623157e308", Double.greatestFiniteMagnitude),
        // Halfway from the largest double to the next power of two, 1.79769313486231580793…e308, and beyond is infinity.
        ("1.797693134862315807e308", Double.greatestFiniteMagnitude), ("1.797693134862315808e308", nil),
        ("1e309", nil), ("-1e999999999999", nil),
        ("5e-324", Double.leastNonzeroMagnitude), ("2.4703282292062327e-324", 0), ("1e-999999999999", 0),
        // Halfway between 1 and its successor: to even; the least bit more: up.
        ("1.00000000000000011102230246251565404236316680908203125", 1),
        ("1.00000000000000011102230246251565404236316680908203126", 1.0.nextUp),
        ("9007199254740993", 9_007_199_254_740_992),
    ]

    @Test(arguments: doubles) func aDoubleIsTheNearestOrNil(literal: String, double: Double?) {
        let value = JSONNumber(literal: literal)?.double
        #expect(value?.bitPattern == double?.bitPattern)
    }

    @Test func aLongLiteralIsRoundedCorrectly() {
        let digits = "1" + String(repeating: "0", count: 5000)
        #expect(JSONNumber(literal: "\(digits)e-5000")?.double == 1)
        #expect(JSONNumber(literal: "\(digits)e-5000")?.integer == 1)
        #expect(JSONNumber(literal: "0.\(String(repeating: "0", count: 4999))1e5000")?.double == 1)
    }

    @Test(arguments: ["", " 1", "1 ", "+1", "01", "1.", "0x1", "inf", "nan", "1_000", "\"1\"", "[1]", "１"])
    func otherTextIsNoNumber(text: String) {
        #expect(JSONNumber(literal: text) == nil)
    }

    @Test(arguments: ["1e3", "0.10", "-0", "1E+02", "100000000000000000000000000"]) func aNumberIsShownAsGiven(literal: String) throws {
        #expect(try parse(literal).serialized() == Array(literal.utf8))
    }

    @Test func anIntIsWrittenExactly() {
        for value in [0, 1, -1, Int.max, Int.min] {
            #expect(JSONNumber(value).literal == String(value) && JSONNumber(value).integer == value)
        }
    }

    @Test func aDoubleIsWrittenShortAndReadsBackEqual() {
        let short: [(Double, String)] = [
            (0.1, "0.1"), (3, "3"), (-0.0, "-0"), (1e-3, "0.001"), (.leastNonzeroMagnitude, "5e-324"), (1.0 / 3, "0.3333333333333333"),
        ]
        for (value, text) in short {
            #expect(JSONNumber(value)?.literal == text)
        }
        var random = SplitMix(state: 2)
        for _ in 0..<5000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            let literal = JSONNumber(value)?.literal ?? ""
            #expect(JSONNumber(literal: literal)?.double?.bitPattern == value.bitPattern)
        }
        #expect(JSONNumber(Double.nan) == nil && JSONNumber(-Double.infinity) == nil)
        #expect(JSONValue(Double.nan).isNull)
    }

    static let comparisons: [(String, String, Bool)] = [
        ("1e3", "1000", true), ("1000.0", "1e3", true), ("-0", "0.000e7", true), ("1e-3", "0.001", true), ("0.1", "-0.1", false),
        ("0.1", "0.1000000000000000055511151231257827", false), ("9007199254740993", "9007199254740992", false), ("1e400", "1e401", false),
        ("1e400", "10e399", true), ("1e99999999999999999999", "1e99999999999999999998", false),
    ]

    @Test(arguments: comparisons) func numbersAreEqualWhenTheirValuesAre(left: String, right: String, equal: Bool) throws {
        #expect((try parse(left) == parse(right)) == equal)
    }
}
