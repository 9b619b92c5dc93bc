/// Where the events of one client's stream come from.
public protocol EventSource: AnyObject, Sendable {
    /// The next events, so few that they may wait in memory for a slow reader; none when there is no news, nil when the stream
    /// ends. Called on an event loop, so it must not block.
    func take() -> [ServerSentEvent]?

    /// Calls `wake` once, from any thread, when ``take()`` has something to say; at once when it has. A later call takes the
    /// place of an earlier one.
    func whenNews(_ wake: @escaping @Sendable () -> Void)
}
