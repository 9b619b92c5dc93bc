import Foundation

/// The newest events of a run, for all who watch it.
///
/// DESIGN. Nobody has a queue of his own: the events are kept once, and a reader has only his place among them
/// (``RunWatch``). So a reader that is slow, or many of them, cost a run nothing; what is gone when a reader comes to it, he is
/// told by an event of its own.
final class RunEvents: @unchecked Sendable {
    /// So many of the newest events are kept at least.
    static let kept = 1_024

    // Invariant: everything is touched only under `lock`. Ids rise; none of `events` is at or before `dropped`.
    private let lock = NSLock()
    private var events: [NumberedEvent] = []
    /// The newest event that is not kept any more, or the place at which the events begin.
    private var dropped: EventID
    private var isOver = false
    /// Those who wait for news, to be told once.
    private var waiting: [ObjectIdentifier: @Sendable () -> Void] = [:]

    private let run: Int64
    private let clock: @Sendable () -> Date

    init(run: Int64, clock: @escaping @Sendable () -> Date = { Date() }) {
        (self.run, self.clock) = (run, clock)
        dropped = EventID(run: run, epoch: 0, step: 0)
    }

    /// The place of the newest event.
    var newest: EventID { lock.withLock { events.last?.id ?? dropped } }

    /// Begins anew with a run that has been brought back.
    ///
    /// - Parameters:
    ///   - hasLost: whether steps that were answered are lost.
    ///   - points: the newest of its history.
    func begin(epoch: Int, step: Int, hasLost: Bool, after points: [HistoryPoint]) {
        lock.withLock {
            let first = points.first
            dropped = EventID(run: run, epoch: first?.epoch ?? epoch, step: first.map { $0.firstStep - 1 } ?? step)
            events = points.map { NumberedEvent(id: EventID(run: run, epoch: $0.epoch, step: $0.lastStep), event: .step($0)) }
        }
        let isNewEpoch = points.last.map { $0.epoch < epoch } ?? false
        if hasLost || isNewEpoch { publish(.restart, epoch: epoch, step: step) } else { wakeAll() }
    }

    /// Tells of something that is not a step, and happened at one; left out, at that of the newest event.
    func publish(_ event: RunEvent, epoch: Int = 0, step: Int = 0) {
        lock.withLock {
            let last = events.last?.id ?? dropped
            // At parameter level the run's step is the smallest of its parameters', and its events are of the greatest.
            let place = max(EventID(run: run, epoch: epoch, step: step), EventID(run: run, epoch: last.epoch, step: last.step))
            let previous = (place.epoch, place.step) == (last.epoch, last.step) ? last.ordinal : 0
            // The time, so that ids rise over a restart too, which forgets what is not a step.
            let ordinal = max(previous + 1, Int(clock().timeIntervalSince1970 * 1_000))
            add(NumberedEvent(id: EventID(run: run, epoch: place.epoch, step: place.step, ordinal: ordinal), event: event))
            if case .deletion = event { isOver = true }
        }
        wakeAll()
    }

    /// Tells of steps; those that are not news are left out.
    func publish(_ points: some Sequence<HistoryPoint>) {
        let isNews = lock.withLock {
            let before = events.last?.id
            for point in points { add(NumberedEvent(id: EventID(run: run, epoch: point.epoch, step: point.lastStep), event: .step(point))) }
            return events.last?.id != before
        }
        if isNews { wakeAll() }
    }

    private func add(_ event: NumberedEvent) {
        guard event.id > events.last?.id ?? dropped else { return }
        events.append(event)
        guard events.count >= 2 * RunEvents.kept else { return }
        dropped = events[events.count - RunEvents.kept - 1].id
        events.removeFirst(events.count - RunEvents.kept)
    }

    private func wakeAll() {
        let waiting = lock.withLock {
            defer { self.waiting = [:] }
            return self.waiting
        }
        for wake in waiting.values { wake() }
    }

    // MARK: For a watch

    /// Some events after `place`, which becomes the last one's: a gap first if events after it are gone. Nil when no more will come.
    func take(after place: inout EventID, upTo limit: Int) -> [NumberedEvent]? {
        lock.withLock {
            let end = events.last?.id ?? dropped
            var taken: [NumberedEvent] = []
            // What is not a step is not kept over a restart; whoever has seen it has seen that step.
            if place > end, (place.run, place.epoch, place.step) == (run, end.epoch, end.step) { place = end }
            if place < dropped || place > end {
                // A place of another run of this name, made before or in another copy of the database, has missed all.
                let from = place < dropped && (place.run, place.epoch) == (run, dropped.epoch) ? min(place.step + 1, dropped.step) : 1
                let reached = place < dropped ? dropped : end
                taken.append(NumberedEvent(id: reached, event: .gap(from: max(1, from), to: reached.step)))
                place = reached
            }
            let first = firstIndex(after: place)
            taken += events[first...].prefix(limit - taken.count)
            place = taken.last?.id ?? place
            return taken.isEmpty && isOver ? nil : taken
        }
    }

    /// Calls `wake` once there is something after `place`, or at once when there is.
    func tell(_ reader: ObjectIdentifier, after place: EventID, _ wake: @escaping @Sendable () -> Void) {
        let isNews = lock.withLock {
            if isOver || (events.last?.id ?? dropped) != place { return true }
            waiting[reader] = wake
            return false
        }
        if isNews { wake() }
    }

    func forget(_ reader: ObjectIdentifier) {
        lock.withLock { _ = waiting.removeValue(forKey: reader) }
    }

    private func firstIndex(after place: EventID) -> Int {
        var (low, high) = (0, events.count)
        while low < high {
            let middle = (low + high) / 2
            if events[middle].id <= place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
