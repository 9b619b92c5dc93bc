public import HTTPTypes

/// One HTTP request whose head has been read and checked; its body is still on the wire until ``RequestBody/collect(upTo:)``.
public final class Request: Sendable {
    /// The method; a token that nobody knows is kept as it came.
    public let method: HTTPRequest.Method
    /// The request target as it came, byte for byte, query included. Do not log it: it may hold secrets.
    public let target: [UInt8]
    /// The path's segments, each percent-decoded once: `/a%2Fb/c` is `["a/b", "c"]`, `/` is empty, `/a/` is `["a", ""]`.
    ///
    /// Their UTF-8 is exactly the bytes sent. `String`'s `==` compares canonically, so tell names apart by `utf8`.
    public let pathSegments: [String]
    /// The query's items in order, percent-decoded; `+` stands for itself (RFC 3986, not the HTML form encoding).
    public let queryItems: [QueryItem]
    /// The header fields in order.
    public let headerFields: HTTPFields
    /// The body, not read yet.
    public let body: RequestBody
    /// Names this request in logs and in its answer, as the client wished (``RequestID``); else unique.
    public let id: String
    /// Where the request comes from: a numeric address, or `unix`.
    public let remoteAddress: String

    /// A request put together by hand, as tests of handlers need it.
    public init(
        method: HTTPRequest.Method,
        target: [UInt8],
        pathSegments: [String],
        queryItems: [QueryItem] = [],
        headerFields: HTTPFields = [:],
        body: RequestBody = RequestBody(bytes: []),
        id: String = "-",
        remoteAddress: String = "-"
    ) {
        self.method = method
        self.target = target
        self.pathSegments = pathSegments
        self.queryItems = queryItems
        self.headerFields = headerFields
        self.body = body
        self.id = id
        self.remoteAddress = remoteAddress
    }
}
