import ArgumentParser
import Foundation
import Logging

/// The options of `lather serve`: from the command line, else from the environment, else by default.
struct ServeOptions: ParsableArguments {
    @Option(help: "Address to listen on. Other than loopback it needs a token or --insecure. (default: 127.0.0.1)")
    var host: String?

    @Option(help: "Port to listen on; 0 picks a free one. (default: 8421)")
    var port: Int?

    @Option(help: "Serve on this Unix socket as well.")
    var unixSocket: String?

    @Option(help: "The SQLite file; created when absent. (default: lather.sqlite)")
    var database: String?

    @Option(name: .customLong("public"), help: "Directory of the dashboard's files. (default: the installed one)")
    var publicDirectory: String?

    @Option(help: "File with the bearer token that clients must send.")
    var tokenFile: String?

    @Flag(help: "Allow an address other than loopback without a token.")
    var insecure = false

    @Option(help: "Compute threads. (default: one a core)")
    var threads: Int?

    @Option(help: "Largest body of a request, in bytes. (default: 4294967296)")
    var maxBodyBytes: Int?

    @Option(help: "Bytes that the state of all runs may take. (default: 80 % of memory)")
    var memoryBudget: Int?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: info)")
    var logLevel: String?

    /// The options with everything filled in.
    struct Settled {
        var host: String
        var port: Int
        var unixSocket: String?
        var database: String
        var publicDirectory: String?
        var tokenFile: String?
        var isInsecure: Bool
        var threadCount: Int
        var maximumBodyByteCount: Int
        var memoryBudget: Int
        var logLevel: Logger.Level
    }

    /// - Parameter environment: an empty variable is the same as none.
    func settled(in environment: [String: String]) throws(Failure) -> Settled {
        func text(_ given: String?, _ variable: String) -> String? {
            given ?? environment[variable].flatMap { $0.isEmpty ? nil : $0 }
        }
        func number(_ given: Int?, _ option: String, _ variable: String, _ range: ClosedRange<Int>) throws(Failure) -> Int? {
            if let given {
                guard range.contains(given) else {
                    throw Failure(.usage, "--\(option) must be \(ServeOptions.describe(range)), not \(given)")
                }
                return given
            }
            guard let text = text(nil, variable) else { return nil }
            guard let number = Int(text), range.contains(number) else {
                throw Failure(.usage, "\(variable) must be \(ServeOptions.describe(range)), not \"\(text)\"")
            }
            return number
        }
        let levelName = text(logLevel, "LATHER_LOG_LEVEL") ?? "info"
        guard let level = Logger.Level(rawValue: levelName) else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure(.usage, "the log level must be one of \(names), not \"\(levelName)\"")
        }
        return Settled(
            host: ServeOptions.bare(text(host, "LATHER_HOST") ?? "127.0.0.1"),
            port: try number(port, "port", "LATHER_PORT", 0...65535) ?? 8421,
            unixSocket: text(unixSocket, "LATHER_UNIX_SOCKET"),
            database: text(database, "LATHER_DATABASE") ?? "lather.sqlite",
            publicDirectory: text(publicDirectory, "LATHER_PUBLIC"),
            tokenFile: text(tokenFile, "LATHER_TOKEN_FILE"),
            isInsecure: try ServeOptions.flag("LATHER_INSECURE", environment) || insecure,
            threadCount: try number(threads, "threads", "LATHER_THREADS", 1...1024) ?? ProcessInfo.processInfo.activeProcessorCount,
            maximumBodyByteCount: try number(maxBodyBytes, "max-body-bytes", "LATHER_MAX_BODY_BYTES", 1...(.max)) ?? 4 << 30,
            memoryBudget: try number(memoryBudget, "memory-budget", "LATHER_MEMORY_BUDGET", 1...(.max)) ?? ServeOptions.defaultMemoryBudget,
            logLevel: level)
    }

    private static func describe(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max
            ? "a whole number from \(range.lowerBound) on" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    }

    /// An IPv6 address without the brackets that it has in a URL.
    private static func bare(_ host: String) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    private static func flag(_ variable: String, _ environment: [String: String]) throws(Failure) -> Bool {
        switch environment[variable] {
        case nil, "", "false", "0": false
        case "true", "1": true
        case let other?: throw Failure(.usage, "\(variable) must be true or false, not \"\(other)\"")
        }
    }

    /// 80 % of the memory that this process may use: the machine's, or its control group's if that is less.
    private static var defaultMemoryBudget: Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let limit = (try? String(contentsOfFile: "/sys/fs/cgroup/memory.max", encoding: .utf8))
            .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        return min(machine, limit ?? machine) / 10 * 8
    }
}
