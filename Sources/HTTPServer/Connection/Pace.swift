/// Until when a transfer may wait for its next byte: no pause may be too long, and after a while the mean rate must do.
struct Pace {
    private let start: ContinuousClock.Instant
    private let limits: TransferLimits
    private var moved = 0

    init(start: ContinuousClock.Instant, limits: TransferLimits) {
        self.start = start
        self.limits = limits
    }

    var deadline: ContinuousClock.Instant { start + limits.grace }

    /// Notes progress and answers the new deadline: a burst earns no right to a long pause.
    mutating func advance(by count: Int, now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        moved += count
        let earned = start + limits.grace + .seconds(moved / limits.minimumBytesPerSecond)
        return min(earned, now + limits.grace)
    }
}
