import HTTPServer
import HTTPTypes

/// Keeps the pages of other sites from using the visitor's browser to change runs.
///
/// A browser says of each request where it comes from; other clients say nothing and are let in. See
/// https://www.w3.org/TR/fetch-metadata/ and RFC 6454.
enum BrowserGuard {
    /// The refusal of a write that a page of another origin asks for; nil lets it in.
    ///
    /// - Parameter trustsHost: false when whoever reaches the server may use it. A page whose name was made to lead here (DNS
    ///   rebinding) is then of the same origin as far as the browser can tell, and only its name gives it away.
    static func refusal(of request: Request, trustsHost: Bool) -> HTTPError? {
        guard request.method != .get, request.method != .head, request.method != .options else { return nil }
        let sites = request.headerFields[values: .secFetchSite]
        let origins = request.headerFields[values: .origin]
        guard !sites.isEmpty || !origins.isEmpty else { return nil }
        guard sites.allSatisfy({ $0 == "same-origin" || $0 == "none" }) else { return refusal }
        guard let host = request.headerFields[values: .host].first, origins.allSatisfy({ authority(of: $0) == host.lowercased() }) else {
            return refusal
        }
        return trustsHost || isAddress(host) ? nil : refusal
    }

    /// The authority of an origin, which is written without a path; nil for `null`.
    private static func authority(of origin: String) -> String? {
        guard let scheme = ["http://", "https://"].first(where: { origin.lowercased().hasPrefix($0) }) else { return nil }
        return origin.dropFirst(scheme.count).lowercased()
    }

    /// Whether a host is this machine's own name or an address, which no other site can have.
    private static func isAddress(_ host: String) -> Bool {
        if host.hasPrefix("[") { return true }
        let name = (host.split(separator: ":").first ?? "").lowercased()
        return name == "localhost" || (!name.isEmpty && name.allSatisfy { $0 == "." || ("0"..."9").contains($0) })
    }

    private static let refusal = HTTPError(
        .forbidden, "cross-origin", "A page of another origin may not change anything here.")
}
