import HTTPTypes
import Logging

/// One line a request, at debug level: never a field's value or a query, which may hold secrets.
struct AccessLog {
    private static let longestText = 256

    let logger: Logger
    let refusals: RefusalLog
    /// Asked for every request, and not worth a look at the handler each time: the level of a server's log stays.
    private let isDetailed: Bool

    init(logger: Logger) {
        self.logger = logger
        isDetailed = logger.logLevel <= .debug
        refusals = RefusalLog(logger: logger)
    }

    func write(_ request: Request, _ response: Response, duration: Duration, isWhole: Bool) {
        func facts() -> Logger.Metadata {
            var facts: Logger.Metadata = [
                "request_id": "\(request.id)",
                "remote": "\(request.remoteAddress)",
                "method": "\(AccessLog.printable(request.method.rawValue.utf8))",
                "path": "\(AccessLog.printable(request.target.prefix { $0 != UInt8(ascii: "?") }))",
                "status": .stringConvertible(response.status.code),
                "sent": "\(isWhole ? "whole" : "in part")",
                "microseconds": .stringConvertible(Int(duration / .microseconds(1))),
            ]
            if let route = response.route { facts["route"] = "\(route)" }
            if let problem = response.problem { facts["problem"] = "\(problem)" }
            return facts
        }
        if isDetailed { logger.debug("request", metadata: facts()) }
        if let problem = response.problem, !response.isRoutine, RefusalLog.isNotable(response.status) {
            refusals.note(problem, facts())
        }
    }

    /// A request that was refused before it could be understood.
    func write(_ error: HTTPError, from remoteAddress: String, id: String) {
        logger.debug(
            "request refused",
            metadata: [
                "request_id": "\(id)", "remote": "\(remoteAddress)", "status": .stringConvertible(error.status.code),
                "problem": "\(error.slug)", "reason": "\(error.detail)",
            ])
    }

    /// Printable ASCII of bounded length; the target is still percent-encoded, so nothing is lost but length.
    private static func printable(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.prefix(longestText).map { $0 > 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
