import HTTPTypes

/// The media types of the API.
enum MediaType: String {
    case json = "application/json"
    case mergePatch = "application/merge-patch+json"
    case safetensors = "application/vnd.safetensors"
    case bytes = "application/octet-stream"
    case npy = "application/x-npy"
    case metrics = "text/plain"
    case events = "text/event-stream"
    case yaml = "application/yaml"

    /// More than any client has a use for: reading them takes an event loop's time.
    private static let mostRanges = 100

    /// The best of `offered` for an `Accept` field (RFC 9110 section 12.5.1), or nil when none is acceptable.
    ///
    /// Without the field everything is acceptable, and the first is chosen; so it is between equals. A field with more than
    /// ``mostRanges`` accepts nothing.
    static func negotiate(_ accept: String?, _ offered: [MediaType]) -> MediaType? {
        guard let accept, !accept.allSatisfy({ $0 == " " || $0 == "\t" || $0 == "," }) else { return offered.first }
        let texts = accept.split(separator: ",", maxSplits: mostRanges)
        guard texts.count <= mostRanges else { return nil }
        let ranges = texts.map(Range.init)
        var best: (type: MediaType, quality: Double)?
        for type in offered {
            let fitting = ranges.compactMap { range in range.specificity(for: type).map { ($0, range.quality) } }
            guard let quality = fitting.max(by: { $0.0 < $1.0 })?.1, quality > 0, quality > best?.quality ?? 0 else { continue }
            best = (type, quality)
        }
        return best?.type
    }

    /// The type of a `Content-Type` field without its parameters, in lower case.
    static func essence(_ contentType: String) -> String {
        String(contentType.prefix { $0 != ";" }).trimmed.lowercased()
    }

    /// One range of an `Accept` field.
    private struct Range {
        let essence: String
        let quality: Double

        init(_ text: Substring) {
            let parts = text.split(separator: ";", omittingEmptySubsequences: false).map { String($0).trimmed.lowercased() }
            essence = parts.first ?? ""
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
            // What is not a number from 0 to 1, such as "nan", is as if it were not there.
            quality = weight.flatMap { (0...1).contains($0) ? $0 : nil } ?? 1
        }

        func specificity(for type: MediaType) -> Int? {
            if essence == type.rawValue { return 2 }
            if essence == type.rawValue.prefix(while: { $0 != "/" }) + "/*" { return 1 }
            return essence == "*/*" ? 0 : nil
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
