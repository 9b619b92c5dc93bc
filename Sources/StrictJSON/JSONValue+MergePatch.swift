extension JSONValue {
    /// This value with a merge patch applied to it (RFC 7396): an object's members replace those of the same name or are appended, null
    /// removes, objects merge member by member, and anything else replaces the whole.
    ///
    /// - Complexity: O(members of both).
    public func merged(with patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var merged = if case .object(let object) = self { object } else { JSONObject() }
        for (name, change) in changes {
            merged[name] = change.isNull ? Optional.none : (merged[name] ?? .null).merged(with: change)
        }
        return .object(merged)
    }
}
