import Memory

/// Bounds the bytes of all bodies and large answers that are in memory at once.
final class ByteBudget: Sendable {
    private let limit: Int
    private let meter: ServerMeter
    private let used = Locked(0)

    init(limit: Int, meter: ServerMeter) {
        self.limit = limit
        self.meter = meter
    }

    /// Takes `count` bytes if they fit. When nothing else is in flight, anything fits: one large body must be able to pass.
    func reserve(_ count: Int) -> Bool {
        used.withLock { used in
            guard used == 0 || count <= limit - used else { return false }
            used += count
            meter.changeInFlight(by: count)
            return true
        }
    }

    func release(_ count: Int) {
        used.withLock { $0 -= count }
        meter.changeInFlight(by: -count)
    }
}
