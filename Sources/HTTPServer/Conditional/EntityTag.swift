/// Names one version of a resource's bytes (RFC 9110 section 8.8.3).
public struct EntityTag: Sendable, Hashable, CustomStringConvertible {
    /// What stands between the quotes.
    private let opaque: [UInt8]
    /// Whether bytes under the same tag may differ in what does not matter.
    private let isWeak: Bool

    /// A strong tag: other bytes never have it.
    ///
    /// - Precondition: visible ASCII without quotation marks.
    public init(_ opaque: String) {
        self.opaque = Array(opaque.utf8)
        isWeak = false
        precondition(self.opaque.allSatisfy(EntityTag.isOpaqueByte), "an entity tag is visible ASCII without quotation marks")
    }

    private init(opaque: [UInt8], isWeak: Bool) {
        self.opaque = opaque
        self.isWeak = isWeak
    }

    public var description: String { (isWeak ? "W/\"" : "\"") + String(decoding: opaque, as: UTF8.self) + "\"" }

    /// Strong comparison (section 8.8.3.2): the very same bytes.
    func isIdentical(to other: EntityTag) -> Bool { !isWeak && self == other }

    /// Weak comparison: bytes that serve as well.
    func isEquivalent(to other: EntityTag) -> Bool { opaque == other.opaque }

    /// The tags of a comma-separated list; a comma may also stand within a tag. None when anything in it is not a tag, so that
    /// what cannot be read matches nothing.
    static func list(_ text: String) -> [EntityTag] {
        var rest = Array(text.utf8)[...]
        var tags: [EntityTag] = []
        while true {
            rest = rest.drop { ASCII.isWhitespace($0) || $0 == ASCII.comma }
            guard !rest.isEmpty else { return tags }
            let isWeak = rest.starts(with: "W/".utf8)
            if isWeak { rest = rest.dropFirst(2) }
            guard rest.first == quote else { return [] }
            let opaque = rest.dropFirst().prefix(while: isOpaqueByte)
            rest = rest[opaque.endIndex...]
            guard rest.first == quote else { return [] }
            rest = rest.dropFirst().drop(while: ASCII.isWhitespace)
            guard rest.isEmpty || rest.first == ASCII.comma else { return [] }
            tags.append(EntityTag(opaque: Array(opaque), isWeak: isWeak))
        }
    }

    private static let quote = UInt8(ascii: "\"")

    /// `etagc`: visible characters and bytes above ASCII, without quotation marks.
    private static func isOpaqueByte(_ byte: UInt8) -> Bool { byte > ASCII.space && byte != quote && byte != 0x7F }
}
