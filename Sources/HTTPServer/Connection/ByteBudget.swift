import Memory

/// Bounds the bytes of all bodies and large answers that are in memory at once.
final class ByteBudget: Sendable {
    private struct State {
        var used = 0
        /// How many answers hold a buffer that is counted.
        var holders: [ObjectIdentifier: Int] = [:]
    }

    private let limit: Int
    private let meter: ServerMeter
    private let state = Locked(State())

    init(limit: Int, meter: ServerMeter) {
        self.limit = limit
        self.meter = meter
    }

    /// Takes `count` bytes if they fit. When nothing else is in flight, anything fits: one large body must be able to pass.
    func reserve(_ count: Int) -> Bool {
        state.withLock { take(count, &$0) }
    }

    func release(_ count: Int) {
        state.withLock { give(count, &$0) }
    }

    /// Takes room for a buffer, which counts once however many answers hold it. Whoever has taken it keeps the buffer alive until
    /// ``release(_:)-(AlignedBuffer)``.
    func reserve(_ buffer: AlignedBuffer) -> Bool {
        state.withLock { state in
            let holders = state.holders[ObjectIdentifier(buffer)] ?? 0
            guard holders > 0 || take(buffer.count, &state) else { return false }
            state.holders[ObjectIdentifier(buffer)] = holders + 1
            return true
        }
    }

    /// Counts a buffer like ``reserve(_:)-(AlignedBuffer)``, whether there is room or not.
    func take(_ buffer: AlignedBuffer) {
        state.withLock { state in
            let holders = state.holders[ObjectIdentifier(buffer)] ?? 0
            if holders == 0 { add(buffer.count, &state) }
            state.holders[ObjectIdentifier(buffer)] = holders + 1
        }
    }

    func release(_ buffer: AlignedBuffer) {
        state.withLock { state in
            guard let holders = state.holders[ObjectIdentifier(buffer)] else { return }
            state.holders[ObjectIdentifier(buffer)] = holders > 1 ? holders - 1 : nil
            if holders == 1 { give(buffer.count, &state) }
        }
    }

    private func take(_ count: Int, _ state: inout State) -> Bool {
        guard state.used == 0 || count <= limit - state.used else { return false }
        add(count, &state)
        return true
    }

    private func add(_ count: Int, _ state: inout State) {
        state.used += count
        meter.changeInFlight(by: count)
    }

    private func give(_ count: Int, _ state: inout State) {
        state.used -= count
        meter.changeInFlight(by: -count)
    }
}
