import Memory

/// Bounds the bytes of all bodies and large answers that are in memory at once.
final class ByteBudget: Sendable {
    private struct State {
        var used = 0
        /// What large bodies have taken of it.
        var usedByLarge = 0
        /// How many answers hold a buffer that is counted.
        var holders: [ObjectIdentifier: Int] = [:]
    }

    /// Bodies beyond this are large.
    static let largestSmall = 16 << 20

    private let limit: Int
    private let meter: ServerMeter
    private let state = Locked(State())

    init(limit: Int, meter: ServerMeter) {
        self.limit = limit
        self.meter = meter
    }

    /// Takes `count` bytes if they fit. When nothing else is in flight, anything fits: one large body must be able to pass.
    ///
    /// - Parameter own: what whoever asks has taken already.
    func reserve(_ count: Int, besides own: Int = 0) -> Bool {
        state.withLock { take(count, besides: own, &$0) }
    }

    func release(_ count: Int) {
        state.withLock { give(count, &$0) }
    }

    /// Takes room for a body of an announced length, of which nothing may ever arrive: several large ones together leave a quarter of
    /// the budget to others.
    func reserve(bodyOf length: Int) -> Bool {
        state.withLock { state in
            let isLarge = length > ByteBudget.largestSmall
            guard !isLarge || state.usedByLarge == 0 || length <= limit / 4 * 3 - state.usedByLarge else { return false }
            guard take(length, &state) else { return false }
            if isLarge { state.usedByLarge += length }
            return true
        }
    }

    func release(bodyOf length: Int) {
        state.withLock { state in
            give(length, &state)
            if length > ByteBudget.largestSmall { state.usedByLarge -= length }
        }
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

    private func take(_ count: Int, besides own: Int = 0, _ state: inout State) -> Bool {
        guard count == 0 || state.used == own || count <= limit - state.used else { return false }
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
