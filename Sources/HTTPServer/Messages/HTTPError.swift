public import HTTPTypes

/// Why a request is refused: small enough to throw, enough to answer with.
public struct HTTPError: Error, Sendable, Equatable {
    /// The status of the answer.
    public var status: HTTPResponse.Status
    /// The problem's name, the last part of its `urn:lather:problem:` type.
    public var slug: String
    /// What went wrong and what to do about it, for a person.
    public var detail: String
    /// Fields the answer must carry, such as `Allow` or `Retry-After`.
    public var headerFields: HTTPFields
    /// Whether what follows on the connection can no longer be told apart from this request.
    public var closesConnection: Bool

    public init(
        _ status: HTTPResponse.Status,
        _ slug: String,
        _ detail: String,
        headerFields: HTTPFields = [:],
        closesConnection: Bool = false
    ) {
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headerFields = headerFields
        self.closesConnection = closesConnection
    }

    /// The problem details of this error as an answer.
    public var response: Response {
        var response = ProblemDetails(status: status, slug: slug, detail: detail).response
        response.headerFields.append(contentsOf: headerFields)
        if closesConnection { response.headerFields[.connection] = "close" }
        return response
    }

    /// A 400 after which the connection cannot go on.
    static func malformed(_ detail: String) -> HTTPError {
        HTTPError(.badRequest, "malformed-request", detail, closesConnection: true)
    }
}
