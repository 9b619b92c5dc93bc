import Foundation
import StrictJSON

/// What is read is JSON for a parser of other people too, and the same when it is written and read again.
enum JSONProperty {
    static func violation(in bytes: UnsafeRawBufferPointer) -> String? {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes)
        } catch {
            return (0...bytes.count).contains(error.offset) ? nil : "\(error), of \(bytes.count)"
        }
        return FuzzProperties.violation { () throws(Violation) in
            try checkText(value, bytes)
            try checkWriting(value)
            try checkNumbers(value)
            try checkAgainstFoundation(value, bytes)
        }
    }

    /// A text without escapes is written as it stood, but for white space: nothing in it was passed over.
    private static func checkText(_ value: JSONValue, _ bytes: UnsafeRawBufferPointer) throws(Violation) {
        guard !bytes.contains(UInt8(ascii: "\\")) else { return }
        var isInString = false
        let text = bytes.filter { byte in
            if byte == UInt8(ascii: "\"") { isInString.toggle() }
            return isInString || ![0x20, 0x09, 0x0A, 0x0D].contains(byte)
        }
        try require(text == value.serialized(), "something in the text was passed over")
    }

    /// The same bytes for the same value, and the same value for the same bytes.
    private static func checkWriting(_ value: JSONValue) throws(Violation) {
        let written = value.serialized()
        let again = try? JSONValue(parsing: written)
        try require(again == value, "read otherwise when written")
        try require(again?.serialized() == written, "written otherwise the second time")
        try require((try? JSONValue(parsing: value.serialized(pretty: true))) == value, "read otherwise when written with line breaks")
    }

    private static func checkNumbers(_ value: JSONValue) throws(Violation) {
        for number in numbers(in: value) {
            if let integer = number.integer {
                try require(JSONNumber(integer) == number, "\(number.literal) is not \(integer)")
                try require(number.double == Double(integer), "\(number.literal) is two numbers")
            }
            try require(number.double?.isFinite != false, "\(number.literal) is not finite")
            try require(JSONNumber(literal: number.literal) == number, "\(number.literal) is no number by itself")
        }
    }

    private static func numbers(in value: JSONValue) -> [JSONNumber] {
        switch value {
        case .null, .bool, .string: []
        case .number(let number): [number]
        case .array(let elements): elements.flatMap(numbers)
        case .object(let members): members.flatMap { numbers(in: $0.value) }
        }
    }

    /// Foundation, which is more lenient, reads it too, unless it holds a number that is no double.
    private static func checkAgainstFoundation(_ value: JSONValue, _ bytes: UnsafeRawBufferPointer) throws(Violation) {
        guard numbers(in: value).allSatisfy({ $0.double != nil }) else { return }
        let other = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        try require(other != nil, "Foundation does not take it for JSON")
    }
}
