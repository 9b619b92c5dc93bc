import API
import Foundation
import HTTPServer
import Logging
import Memory
import Storage
import Training

/// A server in this process: on a free port of 127.0.0.1, with a database of its own.
struct LoopbackServer {
    let port: Int
    private let store: Store
    private let runs: Runs
    private let server: Server

    /// - Parameter database: is created.
    init(database: String, threadCount: Int) async throws(Failure) {
        let logger = Logger.ofWarnings
        let buffers = BufferPool(maximumIdleBytes: 512 << 20)
        let configuration = ServerConfiguration(endpoints: [.tcp(host: "127.0.0.1", port: 0)])
        let meter = ServerMeter()
        do { store = try Store(path: database, logger: logger) } catch { throw Failure(error, database: database) }
        runs = Runs(store: store, threadCount: threadCount, memoryBudget: .max, buffers: buffers, logger: logger)
        let api = API(
            runs: runs,
            configuration: Configuration(
                version: Lather.version, maximumBodyByteCount: 1 << 30, server: configuration, meter: meter, token: nil,
                publicDirectory: nil, contractFile: nil, threadCount: threadCount),
            logger: logger)
        server = Server(configuration: configuration, pool: buffers, logger: logger, meter: meter, handler: api)
        do {
            try await runs.recover()
            guard case .tcp(_, let port)? = try server.start().first else { throw Failure(.unavailable, "no port was found") }
            self.port = port
        } catch {
            _ = await runs.finish()
            try? store.close()
            throw error as? Failure ?? Failure(.unavailable, "cannot serve on 127.0.0.1: \(error)")
        }
    }

    /// Ends it; its database is about to be removed.
    func stop() async {
        await server.stop(gracePeriod: .seconds(1))
        _ = await runs.finish()
        try? store.close()
    }
}
