public import HTTPTypes
public import StrictJSON

/// Problem details for HTTP APIs (RFC 9457): what a client's program and its user read when a request is refused.
public struct ProblemDetails: Sendable {
    /// The response's status, which the body repeats.
    public var status: HTTPResponse.Status
    /// The last part of the type, `urn:lather:problem:<slug>`.
    public var slug: String
    /// The kind of problem in a few words, the same each time.
    public var title: String
    /// This occurrence: what was wrong and what to do.
    public var detail: String
    /// Further members, in order.
    public var members: [(name: String, value: JSONValue)]

    /// - Parameter title: by default the status's reason phrase.
    public init(
        status: HTTPResponse.Status,
        slug: String,
        title: String? = nil,
        detail: String,
        members: [(name: String, value: JSONValue)] = []
    ) {
        self.status = status
        self.slug = slug
        self.title = title ?? status.reasonPhrase
        self.detail = detail
        self.members = members
    }

    /// The answer, as `application/problem+json`.
    public var response: Response {
        var object: JSONObject = [
            "type": .string("urn:lather:problem:\(slug)"), "title": .string(title),
            "status": JSONValue(status.code), "detail": .string(detail),
        ]
        for (name, value) in members { object[name] = value }
        var response = Response(
            status: status, headerFields: [.contentType: "application/problem+json"], body: .bytes(JSONValue.object(object).serialized()))
        response.problem = slug
        return response
    }
}
