import HTTPTypes

/// Why a body cannot be had, or made.
extension HTTPError {
    static func bodyTooLarge(limit: Int) -> HTTPError {
        HTTPError(.contentTooLarge, "body-too-large", "The body is larger than \(limit) bytes, which is the most this resource takes.")
    }

    static var tooManyBytesInFlight: HTTPError {
        let detail = "The server is moving as many bytes as it has room for. Send the request again in a moment."
        return HTTPError(.serviceUnavailable, "too-many-bytes-in-flight", detail, headerFields: [.retryAfter: "1"])
    }

    static var tooManyOpenFiles: HTTPError {
        let detail = "The system has no room for another open file. Send the request again in a moment."
        return HTTPError(.serviceUnavailable, "too-many-open-files", detail, headerFields: [.retryAfter: "1"])
    }

    static var bodyTooSlow: HTTPError {
        HTTPError(.requestTimeout, "body-too-slow", "The body arrived too slowly.", closesConnection: true)
    }

    static var bodyCutShort: HTTPError { .malformed("The connection ended before the body did.") }

    static var bodyNotAvailable: HTTPError {
        HTTPError(.internalServerError, "body-not-available", "The body was asked for twice or too late.", closesConnection: true)
    }
}
