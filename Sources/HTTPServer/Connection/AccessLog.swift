import HTTPTypes
import Logging

/// One line a request, at debug level: never a field's value or a query, which may hold secrets.
enum AccessLog {
    private static let longestText = 256

    static func write(_ request: Request, _ status: Int, since began: ContinuousClock.Instant, isWhole: Bool, to logger: Logger) {
        logger.debug(
            "request",
            metadata: [
                "id": "\(request.id)",
                "remote": "\(request.remoteAddress)",
                "method": "\(printable(request.method.rawValue.utf8))",
                "path": "\(printable(request.target.prefix { $0 != UInt8(ascii: "?") }))",
                "status": "\(status)",
                "sent": "\(isWhole ? "whole" : "in part")",
                "microseconds": "\(Int((ContinuousClock.now - began) / .microseconds(1)))",
            ]
        )
    }

    /// A request that was refused before it could be understood.
    static func write(_ error: HTTPError, from remoteAddress: String, id: String, to logger: Logger) {
        logger.debug(
            "request refused",
            metadata: ["id": "\(id)", "remote": "\(remoteAddress)", "status": "\(error.status.code)", "reason": "\(error.detail)"]
        )
    }

    /// Printable ASCII of bounded length; the target is still percent-encoded, so nothing is lost but length.
    private static func printable(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.prefix(longestText).map { $0 > 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
