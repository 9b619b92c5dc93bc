/// How much of a request's head is read before it is refused.
public struct HeadLimits: Sendable {
    /// The whole head in bytes (431), also the size of a connection's read buffer.
    public var bytes: Int
    /// The request line in bytes (414).
    public var requestLineBytes: Int
    /// Field lines (431).
    public var fields: Int

    public init(bytes: Int = 16 << 10, requestLineBytes: Int = 8 << 10, fields: Int = 100) {
        self.bytes = bytes
        self.requestLineBytes = requestLineBytes
        self.fields = fields
    }
}
