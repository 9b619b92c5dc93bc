/// A log entry that has been written, and is durable when ``Store/finish(_:)`` has returned.
public struct LogCommit: Sendable {
    public let sequence: Int64
    let run: Int64
    let commit: Commit
}
