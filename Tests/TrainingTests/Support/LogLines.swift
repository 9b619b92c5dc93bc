import Foundation
import Logging

/// A log that can be read.
final class LogLines: LogHandler, @unchecked Sendable {
    // Invariant: `kept` is touched only under `lock`; nothing else changes.
    private let lock = NSLock()
    private var kept: [String] = []

    var logLevel: Logger.Level {
        get { .info }
        set { _ = newValue }
    }

    var metadata: Logger.Metadata {
        get { [:] }
        set { _ = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set { _ = newValue }
    }

    var lines: [String] { lock.withLock { kept } }

    func log(event: LogEvent) {
        lock.withLock { kept.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }
}
