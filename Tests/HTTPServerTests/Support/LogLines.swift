import Foundation
import Logging

/// A log that can be read.
final class LogLines: LogHandler, @unchecked Sendable {
    struct Line {
        let level: Logger.Level
        let message: String
        let facts: [String: String]
    }

    // Invariant: `kept` is touched only under `lock`; nothing else changes.
    private let lock = NSLock()
    private var kept: [Line] = []

    var metadataProvider: Logger.MetadataProvider?

    init(metadataProvider: Logger.MetadataProvider? = nil) {
        self.metadataProvider = metadataProvider
    }

    var logLevel: Logger.Level {
        get { .trace }
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

    var lines: [Line] { lock.withLock { kept } }

    func log(event: LogEvent) {
        let facts = (metadataProvider?.get() ?? [:]).merging(event.metadata ?? [:]) { $1 }
        lock.withLock {
            kept.append(Line(level: event.level, message: event.message.description, facts: facts.mapValues(\.description)))
        }
    }
}
