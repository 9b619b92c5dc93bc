public import HTTPTypes

extension Request {
    /// Answers a GET or HEAD with bytes that have a tag: with all, with the range that was asked for (206), or with none where the
    /// client's copy is current (304).
    ///
    /// - Parameters:
    ///   - byteCount: how many bytes there are.
    ///   - tag: of the bytes as they are now, strong.
    ///   - fields: of the answer, `Content-Type` among them; `ETag` and what belongs to ranges are added.
    ///   - hasParts: whether ranges are given; what is small or read as a whole has none.
    ///   - body: gives a range of the bytes.
    /// - Throws: `precondition-failed`, 412; `range-not-satisfiable`, 416, with the size in `Content-Range`.
    public func answer(
        _ byteCount: Int, tag: EntityTag, fields: HTTPFields, hasParts: Bool = true, body: (Range<Int>) -> ResponseBody
    ) throws(HTTPError) -> Response {
        var fields = fields
        fields[.eTag] = tag.description
        switch try selection(of: tag, byteCount: byteCount, hasParts: hasParts) {
        case .notModified:
            fields[.contentType] = nil
            return Response(status: .notModified, headerFields: fields)
        case .whole:
            if hasParts { fields[.acceptRanges] = "bytes" }
            return Response(status: .ok, headerFields: fields, body: body(0..<byteCount))
        case .part(let range):
            fields[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(byteCount)"
            return Response(status: .partialContent, headerFields: fields, body: body(range))
        }
    }

    /// Decides about `If-Match`, `If-None-Match`, `Range` and `If-Range` of a GET or HEAD, in that order (RFC 9110 section 13.2.2).
    ///
    /// There are no dates to compare: a condition on one is passed over, and an `If-Range` with one gets everything. So does a request
    /// for several ranges (section 14.2 leaves that to the server). HEAD has no ranges.
    private func selection(of tag: EntityTag, byteCount: Int, hasParts: Bool) throws(HTTPError) -> Selection {
        if let expected = condition(.ifMatch), !expected.isAny, !expected.tags.contains(where: tag.isIdentical) {
            throw HTTPError(
                .preconditionFailed, "precondition-failed", "If-Match names other bytes than there are now.",
                headerFields: [.eTag: tag.description])
        }
        if let known = condition(.ifNoneMatch), known.isAny || known.tags.contains(where: tag.isEquivalent) { return .notModified }
        guard hasParts, method == .get, let range = ByteRange(headerFields[values: .range]) else { return .whole }
        if let begun = condition(.ifRange), !begun.tags.contains(where: tag.isIdentical) { return .whole }
        guard let resolved = range.resolved(in: byteCount) else {
            throw HTTPError(
                .rangeNotSatisfiable, "range-not-satisfiable", "The range lies beyond the \(byteCount) bytes that there are.",
                headerFields: [.contentRange: "bytes */\(byteCount)", .eTag: tag.description])
        }
        return .part(resolved)
    }

    /// A field that names tags, or with an asterisk any; nil when it is not there.
    private func condition(_ name: HTTPField.Name) -> (isAny: Bool, tags: [EntityTag])? {
        let values = headerFields[values: name]
        guard !values.isEmpty else { return nil }
        let text = values.joined(separator: ",")
        return (ASCII.trimmed(Substring(text).utf8).elementsEqual("*".utf8), EntityTag.list(text))
    }
}
