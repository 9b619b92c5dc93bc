public import Foundation

/// A log entry as stored.
public struct LogRecord: Equatable, Sendable {
    /// 1, 2, 3 … within the run, without holes.
    public let sequence: Int64
    /// What was appended.
    public let entry: LogEntry
    /// Size of the body.
    public let byteCount: Int
    /// When it was.
    public let createdAt: Date
    let partCount: Int
}
