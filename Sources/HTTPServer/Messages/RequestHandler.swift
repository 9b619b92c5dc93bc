/// What answers requests.
public protocol RequestHandler: Sendable {
    /// Answers one request.
    ///
    /// Runs on the connection's event loop, which many connections share: suspend as long as you like, but never block the
    /// thread or compute for more than some milliseconds; move such work elsewhere and await it. A client that goes away does
    /// not cancel the task, so work that has begun is finished.
    func respond(to request: Request) async -> Response
}
