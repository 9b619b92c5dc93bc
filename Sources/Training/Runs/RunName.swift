import StrictJSON

/// A run's name: `[A-Za-z0-9._-]{1,128}`, but not `.` or `..`.
public struct RunName: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// - Throws: `invalid-run-name`.
    public init(_ text: String) throws(TrainingError) {
        let isValid =
            (1...128).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        guard isValid else {
            throw TrainingError(
                .invalidRunName, "A run's name has 1 to 128 of the characters A-Z a-z 0-9 . _ - and is neither \".\" nor \"..\".",
                [("got", .string(text))])
        }
        description = text
    }
}
