import Foundation

/// One reader's place among the events of a run.
public final class RunWatch: @unchecked Sendable {
    private let events: RunEvents
    // Invariant: `place` is touched only under `lock`.
    private let lock = NSLock()
    private var place: EventID

    init(_ events: RunEvents, after place: EventID) {
        self.events = events
        self.place = place
    }

    deinit {
        events.forget(ObjectIdentifier(self))
    }

    /// The next events, at most `limit`, at least 2; none when there is no news. Nil when no more will come. Never waits.
    public func take(upTo limit: Int) -> [NumberedEvent]? {
        lock.withLock { events.take(after: &place, upTo: limit) }
    }

    /// Calls `wake` once, when there is news; at once when there is some. It is called on whatever thread, and must not block.
    public func whenNews(_ wake: @escaping @Sendable () -> Void) {
        events.tell(ObjectIdentifier(self), after: lock.withLock { place }, wake)
    }
}
