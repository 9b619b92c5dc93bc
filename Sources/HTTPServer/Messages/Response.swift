public import HTTPTypes

/// An answer. The server adds `Date`, `Connection` and the framing (`Content-Length` or `Transfer-Encoding`) itself, and
/// replaces what a handler wrote there; `Connection: close` from a handler is honoured.
public struct Response: Sendable {
    public var status: HTTPResponse.Status
    public var headerFields: HTTPFields
    public var body: ResponseBody

    public init(status: HTTPResponse.Status, headerFields: HTTPFields = [:], body: ResponseBody = .empty) {
        self.status = status
        self.headerFields = headerFields
        self.body = body
    }
}
