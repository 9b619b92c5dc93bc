import HTTPTypes

/// The request target (RFC 9112 section 3.2), taken apart and percent-decoded once.
package struct RequestTarget: Equatable {
    /// As it came.
    package let raw: [UInt8]
    /// See ``Request/pathSegments``; empty for `*` too.
    package let pathSegments: [String]
    let queryItems: [QueryItem]

    init(_ bytes: some Collection<UInt8>, method: HTTPRequest.Method) throws(HTTPError) {
        raw = Array(bytes)
        guard !raw.isEmpty, raw.allSatisfy({ $0 > ASCII.space && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
            // RFC 3986 section 2: a URI is printable ASCII. Section 3.5: the fragment stays with the client.
            throw .malformed("The target holds bytes that must be percent-encoded.")
        }
        if raw == [UInt8(ascii: "*")] {
            // RFC 9112 section 3.2.4: the asterisk form is for OPTIONS only.
            guard method == .options else { throw .malformed("The target * is for OPTIONS only.") }
            pathSegments = []
            queryItems = []
            return
        }
        let local = try RequestTarget.pathAndQuery(raw[...])
        let end = local.firstIndex(of: UInt8(ascii: "?")) ?? local.endIndex
        pathSegments = try RequestTarget.segments(local[..<end])
        queryItems = try RequestTarget.items(local[end...].dropFirst())
    }

    /// The origin form as it is; of the absolute form, what follows the authority (RFC 9112 sections 3.2.1 and 3.2.2).
    private static func pathAndQuery(_ target: ArraySlice<UInt8>) throws(HTTPError) -> ArraySlice<UInt8> {
        if target.first == ASCII.slash { return target }
        for scheme in ["http://", "https://"] where target.prefix(scheme.utf8.count).map(ASCII.lowercased).elementsEqual(scheme.utf8) {
            let rest = target.dropFirst(scheme.utf8.count)
            let end = rest.firstIndex { $0 == ASCII.slash || $0 == UInt8(ascii: "?") } ?? rest.endIndex
            let authority = rest[..<end]
            // RFC 9110 section 4.2: an empty host is invalid, and user information is not for requests.
            guard !authority.isEmpty, authority.first != ASCII.colon, Authority.isValid(authority) else { break }
            return rest[end...]
        }
        throw .malformed("The target is neither a path nor an http URI.")
    }

    private static func segments(_ path: ArraySlice<UInt8>) throws(HTTPError) -> [String] {
        // "/" and, in the absolute form, "" are the root (RFC 9110 section 4.2.3).
        guard path.count > 1 else { return [] }
        var segments: [String] = []
        var rest = path.dropFirst()
        while let end = rest.firstIndex(of: ASCII.slash) {
            segments.append(try PercentDecoding.decode(rest[..<end]))
            rest = rest[(end + 1)...]
        }
        segments.append(try PercentDecoding.decode(rest))
        return segments
    }

    private static func items(_ query: ArraySlice<UInt8>) throws(HTTPError) -> [QueryItem] {
        var items: [QueryItem] = []
        for item in query.split(separator: UInt8(ascii: "&")) {
            let parts = item.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? try PercentDecoding.decode(parts[1]) : ""
            items.append(QueryItem(name: try PercentDecoding.decode(parts[0]), value: value))
        }
        return items
    }

    /// Whether both came as the same bytes, from which all else follows.
    package static func == (left: RequestTarget, right: RequestTarget) -> Bool { left.raw == right.raw }
}
