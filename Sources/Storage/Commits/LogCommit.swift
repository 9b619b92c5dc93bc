/// A log entry that has been written, and is durable when ``Store/finish(_:)`` has returned.
public struct LogCommit: Sendable {
    /// The entry's sequence number.
    public let sequence: Int64
    /// Of its body and its attributes.
    public let byteCount: Int
    let run: Int64
    let commit: Commit
}
