/// One event of a `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html).
public struct ServerSentEvent: Sendable {
    /// What a client that comes back says it has seen, as `Last-Event-ID`; nil leaves the last one's.
    public var id: String?
    /// Its type; nil is `message`.
    public var name: String?
    /// The data; may have several lines.
    public var data: String

    /// An event of these.
    public init(id: String? = nil, name: String? = nil, data: String) {
        (self.id, self.name, self.data) = (id, name, data)
    }

    /// Appends it as it is sent. A line feed in the data begins another line of data; in the other fields it would end them, as
    /// would a carriage return anywhere, so there must be none.
    func write(to bytes: inout [UInt8]) {
        func add(_ field: String, _ value: some Sequence<UInt8>) {
            bytes += field.utf8
            bytes += value
            bytes.append(UInt8(ascii: "\n"))
        }
        if let id { add("id: ", id.utf8) }
        if let name { add("event: ", name.utf8) }
        for line in data.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) { add("data: ", line) }
        bytes.append(UInt8(ascii: "\n"))
    }
}
