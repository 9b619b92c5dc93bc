/// The members of a JSON object, in the order in which they were written. No two have the same name; names are compared by bytes.
///
/// Looking up a name takes constant time on average, also in objects of many thousand members.
public struct JSONObject: Sendable {
    /// One member.
    public typealias Element = (name: String, value: JSONValue)

    private var members: [Element] = []
    // Invariant: empty up to `scanned` members, where comparing them all is faster; beyond, every name with its place.
    private var places: [ExactString: Int] = [:]
    private static let scanned = 12

    /// An object without members.
    public init() {}

    /// An object of these members, in this order; a name that is there twice is a programming error.
    public init(uniqueNames members: some Sequence<(String, JSONValue)>) {
        for (name, value) in members {
            let isNew = appendIfNew(name, value)
            precondition(isNew, "\(name) is there twice")
        }
    }

    /// The value of a name. Setting replaces in place, appends a new name, and removes the member when set to nil (`Optional.none`;
    /// a JSON null is `.null`).
    ///
    /// - Complexity: O(1) on average, O(n) to remove.
    public subscript(name: String) -> JSONValue? {
        get { place(of: name).map { members[$0].value } }
        set {
            switch (place(of: name), newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil): remove(at: place)
            case (nil, let value?): append((name, value))
            case (nil, nil): break
            }
        }
    }

    /// Adds a member at the end, unless the name is there already: then nothing changes and the answer is false.
    mutating func appendIfNew(_ name: String, _ value: JSONValue) -> Bool {
        guard place(of: name) == nil else { return false }
        append((name, value))
        return true
    }

    private func place(of name: String) -> Int? {
        let name = ExactString(name)
        guard places.isEmpty else { return places[name] }
        return members.firstIndex { ExactString($0.name) == name }
    }

    private mutating func append(_ member: Element) {
        members.append(member)
        if !places.isEmpty {
            places[ExactString(member.name)] = members.count - 1
        } else if members.count > JSONObject.scanned {
            indexNames()
        }
    }

    private mutating func remove(at place: Int) {
        members.remove(at: place)
        places = [:]
        if members.count > JSONObject.scanned { indexNames() }
    }

    private mutating func indexNames() {
        for (place, member) in members.enumerated() {
            places[ExactString(member.name)] = place
        }
    }
}

extension JSONObject: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { members.count }
    public subscript(position: Int) -> Element { members[position] }
}

extension JSONObject: Equatable {
    /// Whether both have the same names with equal values, in whatever order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.name] == $0.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(uniqueNames: elements)
    }
}
