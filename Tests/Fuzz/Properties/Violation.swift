/// What was found wrong.
struct Violation: Error {
    let text: String
}

/// Goes on only when a condition holds.
func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(Violation) {
    guard condition else { throw Violation(text: text()) }
}

/// The violation that a check ends with, as text.
func violation(_ check: () throws(Violation) -> Void) -> String? {
    do {
        try check()
        return nil
    } catch {
        return error.text
    }
}
