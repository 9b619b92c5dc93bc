import Foundation
import Logging
import StrictJSON

/// Writes each line of the log as one JSON object to standard error, for programs to read; people have `jq`.
///
/// `time` (RFC 3339, UTC), `level`, `message` and `source`, the part of the program that says it, come first; then the facts by
/// name. Numbers are numbers.
struct JSONLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(level: Logger.Level, metadataProvider: Logger.MetadataProvider?) {
        logLevel = level
        self.metadataProvider = metadataProvider
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line: JSONObject = [
            "time": .string(JSONLogHandler.time()), "level": .string(event.level.rawValue),
            "message": .string(event.message.description), "source": .string(event.source),
        ]
        let facts = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        for (name, value) in facts.sorted(by: { $0.key < $1.key }) where line[name] == nil {
            line[name] = JSONLogHandler.json(value)
        }
        JSONLogHandler.write(JSONValue.object(line).serialized() + [UInt8(ascii: "\n")])
    }

    /// Held while a line is written, so that lines stay whole.
    private static let lock = NSLock()

    private static func write(_ line: [UInt8]) {
        lock.withLock {
            line.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = Glibc.write(STDERR_FILENO, bytes.baseAddress! + rest.startIndex, rest.count)
                    // A reader that is gone loses the line.
                    guard count > 0 || errno == EINTR else { return }
                    rest = rest.dropFirst(max(count, 0))
                }
            }
        }
    }

    private static func json(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let number as Int): JSONValue(number)
        case .stringConvertible(let number as Double) where number.isFinite: JSONValue(number)
        case .stringConvertible(let value): .string(value.description)
        case .array(let values): .array(values.map(json))
        case .dictionary(let values):
            .object(JSONObject(uniqueNames: values.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) }))
        }
    }

    private static func time() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        return String(
            format: "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
            parts.tm_min, parts.tm_sec, now.tv_nsec / 1000)
    }
}
