public import Foundation

/// A log entry as stored.
public struct LogRecord: Equatable, Sendable {
    /// 1, 2, 3 … within the run, without holes.
    public let sequence: Int64
    public let entry: LogEntry
    /// Size of the body.
    public let byteCount: Int
    public let createdAt: Date
    let partCount: Int
}
