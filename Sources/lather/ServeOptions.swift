import ArgumentParser
import Foundation
import HTTPServer
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

    @OptionGroup var limits: LimitOptions

    /// The options with everything filled in.
    struct Settled {
        var host: String
        /// Where to listen, and what to put up with.
        var server: ServerConfiguration
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
        let settings = Settings(environment: environment)
        try settings.checkKernels()
        let levelName = settings.text(logLevel, "log-level") ?? "info"
        guard let level = Logger.Level(rawValue: levelName) else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure(.usage, "the log level must be one of \(names), not \"\(levelName)\"")
        }
        let memory = ServeOptions.memory
        let host = ServeOptions.bare(settings.text(host, "host") ?? "127.0.0.1")
        let maximumBodyByteCount = try settings.number(maxBodyBytes, "max-body-bytes", 1...(.max)) ?? 4 << 30
        var server = ServerConfiguration(endpoints: [.tcp(host: host, port: try settings.number(port, "port", 0...65_535) ?? 8_421)])
        if let path = settings.text(unixSocket, "unix-socket") { server.endpoints.append(.unix(path: path)) }
        try limits.apply(to: &server, from: settings, maximumBodyByteCount: maximumBodyByteCount, memory: memory)
        return Settled(
            host: host,
            server: server,
            database: settings.text(database, "database") ?? "lather.sqlite",
            publicDirectory: settings.text(publicDirectory, "public"),
            tokenFile: settings.text(tokenFile, "token-file"),
            isInsecure: try settings.flag(insecure, "insecure"),
            threadCount: try settings.number(threads, "threads", 1...1024) ?? ProcessInfo.processInfo.activeProcessorCount,
            maximumBodyByteCount: maximumBodyByteCount,
            memoryBudget: try settings.number(memoryBudget, "memory-budget", 1...(.max)) ?? memory / 10 * 8,
            logLevel: level)
    }

    /// An IPv6 address without the brackets that it has in a URL.
    private static func bare(_ host: String) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    /// Bytes that this process may use: the machine's, or its control group's if that is less.
    private static var memory: Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let limit = (try? String(contentsOfFile: "/sys/fs/cgroup/memory.max", encoding: .utf8))
            .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        return min(machine, limit ?? machine)
    }
}
