/// Waiting without sleep, for what is bound to happen soon: a thread that sleeps is woken late.
enum Spin {
    /// Most of the time longer than a task takes from one product that is shared to the next.
    private static let limit = Duration.milliseconds(2)

    /// Returns true as soon as `condition` holds, or false after some milliseconds.
    static func until(_ condition: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + limit
        repeat {
            for _ in 0..<1_000 where condition() { return true }
        } while ContinuousClock.now < deadline
        return false
    }
}
