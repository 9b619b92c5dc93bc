/// The exact value of a number literal, (−1)^negative · digits · 10^exponent, in one form for each value: no zeros at either end
/// of the digits, and zero itself is no digits, not negative, exponent 0.
struct DecimalValue: Equatable {
    private var isNegative = false
    private var digits: [UInt8] = []
    private var exponent = 0

    /// The value of a literal that follows RFC 8259 §6; nil when its exponent does not fit an `Int`.
    init?(_ literal: String) {
        let parts = literal.split { $0 == "e" || $0 == "E" }
        var fractionDigits = 0
        var inFraction = false
        for byte in parts[0].utf8 {
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): inFraction = true
            default:
                digits.append(byte - UInt8(ascii: "0"))
                fractionDigits += inFraction ? 1 : 0
            }
        }
        let trailingZeros = digits.reversed().prefix { $0 == 0 }.count
        digits.removeLast(trailingZeros)
        digits.removeFirst(digits.prefix { $0 == 0 }.count)
        if digits.isEmpty {
            isNegative = false
            return
        }
        guard let power = parts.count == 1 ? 0 : Int(parts[1]) else { return nil }
        let (sum, overflow) = power.addingReportingOverflow(trailingZeros - fractionDigits)
        guard !overflow else { return nil }
        exponent = sum
    }

    /// The value, when it is an integer that fits.
    var integer: Int? {
        guard exponent >= 0, digits.count + min(exponent, 20) <= 19 else { return nil }
        var value = 0
        // Away from zero on the sign's own side, because Int.min has no positive counterpart.
        for digit in digits + repeatElement(0, count: exponent) {
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carried) = tenfold.addingReportingOverflow(isNegative ? -Int(digit) : Int(digit))
            guard !overflow, !carried else { return nil }
            value = next
        }
        return value
    }
}
