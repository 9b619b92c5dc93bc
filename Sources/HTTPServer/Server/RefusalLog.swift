import HTTPTypes
import Logging
import Memory

/// Tells whoever runs the server of refusals that may be its own trouble or somebody's mischief: 401, 403, all from 500 on, and
/// connections.
///
/// Each kind of problem has one line in ten seconds at most, so that no client can fill a disk.
final class RefusalLog: Sendable {
    private struct Kind {
        var lastLine: ContinuousClock.Instant?
        var sinceLine = 0
    }

    private static let interval = Duration.seconds(10)

    private let logger: Logger
    /// By slug; there are as many as the program has problems.
    private let kinds = Locked<[String: Kind]>([:])

    init(logger: Logger) {
        self.logger = logger
    }

    /// - Parameter facts: what is known of this occurrence.
    func note(_ problem: String, _ facts: @autoclosure () -> Logger.Metadata = [:], now: ContinuousClock.Instant = .now) {
        let times = kinds.withLock { kinds -> Int? in
            var kind = kinds[problem] ?? Kind()
            kind.sinceLine += 1
            defer { kinds[problem] = kind }
            if let last = kind.lastLine, now - last < RefusalLog.interval { return nil }
            defer { kind.sinceLine = 0 }
            kind.lastLine = now
            return kind.sinceLine
        }
        guard let times else { return }
        logger.warning("refused", metadata: facts().merging(["problem": "\(problem)", "times": .stringConvertible(times)]) { $1 })
    }

    static func isNotable(_ status: HTTPResponse.Status) -> Bool {
        status == .unauthorized || status == .forbidden || status.code >= 500
    }
}
