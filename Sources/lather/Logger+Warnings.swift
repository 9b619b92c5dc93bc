import Logging

extension Logger {
    /// For commands that people run and look at: only what is wrong, on standard error.
    static var ofWarnings: Logger {
        Logger(label: "lather") { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .warning
            return handler
        }
    }
}
