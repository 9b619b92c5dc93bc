/// Until when a transfer may wait for its next byte: no pause may be too long, and after a while the mean rate must do.
struct Pace {
    private var start: ContinuousClock.Instant
    private let grace: Duration
    private let bytesPerSecond: Int
    private var moved = 0

    /// - Parameter length: the announced one in bytes, 0 when it is not known.
    init(start: ContinuousClock.Instant, limits: TransferLimits, length: Int) {
        self.start = start
        self.grace = limits.grace
        self.bytesPerSecond = max(limits.minimumBytesPerSecond, length / Int(limits.longest / .seconds(1)))
    }

    var deadline: ContinuousClock.Instant { start + grace }

    /// Time passes that is not the other side's.
    mutating func pause(for duration: Duration) {
        start += duration
    }

    /// Notes progress and answers the new deadline: a burst earns no right to a long pause.
    mutating func advance(by count: Int, now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        moved += count
        let earned = start + grace + .seconds(moved / bytesPerSecond)
        return min(earned, now + grace)
    }
}
