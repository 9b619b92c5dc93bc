public import HTTPTypes

/// An answer. The server adds `Date`, `Connection` and the framing (`Content-Length` or `Transfer-Encoding`) itself, and
/// replaces what a handler wrote there; `Connection: close` from a handler is honoured.
public struct Response: Sendable {
    /// The status.
    public var status: HTTPResponse.Status
    /// The fields of the handler; those of framing and connection come from the server.
    public var headerFields: HTTPFields
    /// What is sent behind them.
    public var body: ResponseBody
    /// The pattern of the route that answered, which the client does not see; nil when none fits the path. Requests are counted by it.
    public var route: String?
    /// The slug of the problem that this answer tells of, for logs and counts; nil when it tells of none.
    public var problem: String?
    /// Whether a refusal is no news to whoever runs the server, a probe's for example, and is left out of the warnings.
    public var isRoutine = false

    /// A response of these.
    public init(status: HTTPResponse.Status, headerFields: HTTPFields = [:], body: ResponseBody = .empty) {
        self.status = status
        self.headerFields = headerFields
        self.body = body
    }
}
