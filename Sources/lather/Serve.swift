import API
import ArgumentParser
import Dispatch
import Foundation
import HTTPServer
import Logging
import Memory
import Storage
import Training

/// `lather serve`: the server, until a signal ends it.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve runs over HTTP until SIGTERM, SIGINT or SIGHUP.",
        discussion: "Every option can also be set in the environment: --max-body-bytes is LATHER_MAX_BODY_BYTES, and so on.")

    @OptionGroup var options: ServeOptions

    func run() async throws {
        do {
            try await serve(options.settled(in: ProcessInfo.processInfo.environment))
        } catch {
            throw error.report()
        }
    }

    /// How long a stop waits for requests in flight; steps that compute longer lose only their connection, not their effect.
    private static let gracePeriod = Duration.seconds(30)

    private func serve(_ settled: ServeOptions.Settled) async throws(Failure) {
        var options = settled
        let token = try Serve.token(options)
        guard token != nil || options.isInsecure || Serve.isLoopback(options.host) else {
            throw Failure(
                .usage,
                "\(options.host) is not a loopback address: whoever reaches it could step every run. "
                    + "Give a --token-file, or --insecure if a network of your own protects it.")
        }
        let files = try InstalledFiles(publicDirectory: options.publicDirectory)
        let level = options.logLevel
        let logger = Logger(label: "lather") { _ in JSONLogHandler(level: level, metadataProvider: RequestID.metadataProvider) }
        if files.publicDirectory == nil || files.contractFile == nil {
            logger.warning("no dashboard or no openapi.yaml: the files are not where the program was installed or built; see --public")
        }
        if let count = Serve.connectionsThatFit(), count < options.server.maximumConnections {
            logger.warning(
                "fewer connections than configured, because the limit of open files allows no more",
                metadata: [
                    "max_connections": .stringConvertible(count), "configured": .stringConvertible(options.server.maximumConnections),
                ])
            options.server.maximumConnections = count
        }
        // The log may go to a pipe; when its reader ends, lines are lost, not the server.
        signal(SIGPIPE, SIG_IGN)
        let signals = StopSignals()

        let endpoints: BoundEndpoints
        do { endpoints = try BoundEndpoints(options.server.endpoints) } catch { throw Failure(.unavailable, "cannot serve: \(error)") }
        let store: Store
        do {
            store = try Store(path: options.database, logger: logger)
        } catch {
            endpoints.release()
            throw Failure(error, database: options.database)
        }
        let buffers = BufferPool(maximumIdleBytes: 512 << 20)
        let runs = Runs(
            store: store, threadCount: options.threadCount, memoryBudget: options.memoryBudget, buffers: buffers, logger: logger)
        let meter = ServerMeter()
        let api = API(
            runs: runs,
            configuration: Configuration(
                version: Lather.version, maximumBodyByteCount: options.maximumBodyByteCount, server: options.server,
                meter: meter, token: token, publicDirectory: files.publicDirectory, contractFile: files.contractFile,
                threadCount: options.threadCount),
            logger: logger)
        let server = Server(configuration: options.server, pool: buffers, logger: logger, meter: meter, handler: api)
        do {
            try server.start(on: endpoints)
        } catch {
            endpoints.release()
            throw Failure(.unavailable, "cannot serve: \(error)")
        }
        for address in endpoints.addresses {
            print("lather \(Lather.version) listens on \(address.url)")
            logger.info(
                "listening",
                metadata: [
                    "address": "\(address.url)", "database": "\(options.database)", "sqlite": "\(EngineFacts.sqliteVersion)",
                    "blas": "\(EngineFacts.blasVersion)", "kernels": "\(EngineFacts.blasKernels)",
                    "low_precision_kernels": "\(EngineFacts.lowPrecisionKernels)", "threads": .stringConvertible(options.threadCount),
                ])
        }
        fflush(nil)

        // Beside the wait for a signal: a long recovery can be stopped like anything else.
        let recovery = Task { () -> TrainingError? in
            do throws(TrainingError) {
                try await runs.recover()
                if case .ready = runs.readiness { logger.info("ready") }
                return nil
            } catch {
                signals.raise("a failed recovery")
                return error
            }
        }
        let reason = await signals.first()
        logger.info("stopping", metadata: ["because": "\(reason)"])
        await server.stop(gracePeriod: Serve.gracePeriod)
        let isComplete = await runs.finish()
        let recoveryError = await recovery.value
        do { try store.close() } catch { throw Failure(error, database: options.database) }
        if let recoveryError { throw Failure(.inputOutput, "the runs cannot be read from \(options.database): \(recoveryError.detail)") }
        guard isComplete else { throw Failure(.inputOutput, "the last checkpoint of a run could not be written; see the log") }
        logger.info("stopped")
    }

    private static func token(_ options: ServeOptions.Settled) throws(Failure) -> String? {
        guard let path = options.tokenFile else { return nil }
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw Failure(.configuration, "the token file \(path) cannot be read")
        }
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Failure(.configuration, "the token file \(path) must hold one token of printable ASCII without spaces")
        }
        return token
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" { return true }
        var v4 = in_addr()
        if inet_pton(AF_INET, host, &v4) == 1 { return UInt32(bigEndian: v4.s_addr) >> 24 == 127 }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, host, &v6) == 1 else { return false }
        return withUnsafeBytes(of: v6) { bytes in bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1 }
    }

    /// Descriptors that connections leave to everything else: the database, which may be opened anew, and files that are served.
    private static let otherDescriptors = 64

    /// How many connections the limit of open files leaves room for, once it has been raised: the usual one of 1,024 is for programs
    /// that use select().
    private static func connectionsThatFit() -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        if limit.rlim_cur < limit.rlim_max {
            let soft = limit.rlim_cur
            limit.rlim_cur = limit.rlim_max
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit.rlim_cur = soft }
        }
        let count = Int(clamping: limit.rlim_cur)
        return count - min(otherDescriptors, count / 2)
    }
}

extension ListeningAddress {
    /// As a person would type it into a browser, where that is possible.
    fileprivate var url: String {
        if case .tcp = self { "http://\(self)" } else { description }
    }
}
