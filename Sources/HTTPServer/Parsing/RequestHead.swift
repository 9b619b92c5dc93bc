package import HTTPTypes

/// A request's head, checked against the rules of RFC 9110 and 9112 and taken apart.
package struct RequestHead: Equatable {
    package var method: HTTPRequest.Method
    package var target: RequestTarget
    package var version: HTTPVersion
    package var fields: HTTPFields
    package var framing: RequestBody.Framing
    /// The client waits for `100 Continue` before it sends the body.
    package var expectsContinue: Bool
    /// The client wants to send further requests on this connection.
    package var persists: Bool
}

/// The versions this server speaks; a later minor version is answered as 1.1 (RFC 9110 section 2.5).
package enum HTTPVersion {
    case http10
    case http11
}
