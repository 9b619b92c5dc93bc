import HTTPTypes

/// A request's head, checked against the rules of RFC 9110 and 9112 and taken apart.
struct RequestHead {
    var method: HTTPRequest.Method
    var target: RequestTarget
    var version: HTTPVersion
    var fields: HTTPFields
    var framing: RequestBody.Framing
    /// The client waits for `100 Continue` before it sends the body.
    var expectsContinue: Bool
    /// The client wants to send further requests on this connection.
    var persists: Bool
}

/// The versions this server speaks; a later minor version is answered as 1.1 (RFC 9110 section 2.5).
enum HTTPVersion {
    case http10
    case http11
}
