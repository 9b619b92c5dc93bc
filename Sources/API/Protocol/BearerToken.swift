import Crypto
import HTTPServer
import HTTPTypes

/// The shared secret that lets a client in (RFC 6750).
struct BearerToken: Sendable {
    // A keyed digest of the token: comparing digests takes the same time whatever the guess, and the token itself stays nowhere.
    private let key = SymmetricKey(size: .bits256)
    private let code: HMAC<SHA256>.MAC

    init(_ token: String) {
        code = HMAC<SHA256>.authenticationCode(for: Array(token.utf8), using: key)
    }

    /// The refusal of a request that does not carry the token; nil lets it in.
    func refusal(of request: Request) -> HTTPError? {
        let given = request.headerFields[values: .authorization]
        guard given.count == 1, let credentials = given.first, credentials.utf8.count > 7,
            credentials.prefix(7).lowercased() == "bearer ",
            HMAC<SHA256>.isValidAuthenticationCode(
                code, authenticating: Array(credentials.utf8.dropFirst(7).drop { $0 == UInt8(ascii: " ") }), using: key)
        else {
            return HTTPError(
                .unauthorized, "unauthorized", "This server needs its token: send it as \"Authorization: Bearer …\".",
                headerFields: [.wwwAuthenticate: "Bearer realm=\"lather\""])
        }
        return nil
    }
}
