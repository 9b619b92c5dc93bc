import Foundation
import Logging
import Memory
import StrictJSON
import Synchronization
import Testing

@testable import Storage
@testable import Training

/// A database in a directory of its own and the runs that a server makes of it, to be stopped, killed and started again.
///
/// Sendable by discipline: nobody uses a house while it restarts or crashes.
final class House: @unchecked Sendable {
    private(set) var runs: Runs
    private(set) var store: Store
    let log = LogLines()
    private let root: URL
    private var lives = 1
    private let memoryBudget: Int
    private let threadCount: Int

    init(memoryBudget: Int = 1 << 30, threadCount: Int = 2) async throws {
        self.memoryBudget = memoryBudget
        self.threadCount = threadCount
        root = House.estate.appendingPathComponent(UUID().uuidString)
        (store, runs) = try House.start(root.appendingPathComponent("1"), memoryBudget, threadCount, log)
        try await runs.recover()
    }

    /// Where all houses of this process stand until it ends: a run can outlive its house in a test.
    private static let estate: URL = {
        atexit { try? FileManager.default.removeItem(at: House.place) }
        return place
    }()
    private static let place = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("lather-training-\(UUID().uuidString)")

    private var directory: URL { root.appendingPathComponent("\(lives)") }

    /// The file that the present server works on.
    var database: String { directory.appendingPathComponent("lather.sqlite").path }

    static func start(_ directory: URL, _ memoryBudget: Int, _ threadCount: Int, _ log: LogLines) throws -> (Store, Runs) {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let logger = Logger(label: "test") { _ in log }
        let store = try Store(path: directory.appendingPathComponent("lather.sqlite").path, logger: logger)
        let runs = Runs(
            store: store, threadCount: threadCount, memoryBudget: memoryBudget, buffers: BufferPool(maximumIdleBytes: 1 << 20),
            logger: logger)
        return (store, runs)
    }

    /// As after SIGTERM: everything is finished, then a new server starts.
    func restart() async throws {
        #expect(await runs.finish())
        try store.close()
        try await reopen()
    }

    /// As after `kill -9`: a new server starts on the files as they lie on disk at this moment.
    ///
    /// - Parameter memoryBudget: another one for the new server.
    func crash(memoryBudget: Int? = nil, _ damage: (String) throws -> Void = { _ in }) async throws {
        try await reopen(memoryBudget: memoryBudget, damage)
    }

    /// As after `kill -9`; the new server's start goes on in the background, on a store that has been put into trouble.
    func crashIntoTrouble(_ trouble: (Store) throws -> Void) async throws -> Task<Void, any Error> {
        try moveOut()
        (store, runs) = try House.start(directory, memoryBudget, threadCount, log)
        try trouble(store)
        return Task { [runs] in try await runs.recover() }
    }

    /// As after `kill -9` of the server alone, on the same files and not on copies.
    func crashInPlace(_ damage: (String) throws -> Void) async throws {
        try store.endAsKilled()
        try damage(database)
        (store, runs) = try House.start(directory, memoryBudget, threadCount, log)
        try await runs.recover()
    }

    private func reopen(memoryBudget: Int? = nil, _ damage: (String) throws -> Void = { _ in }) async throws {
        try moveOut()
        try damage(database)
        (store, runs) = try House.start(directory, memoryBudget ?? self.memoryBudget, threadCount, log)
        try await runs.recover()
    }

    /// Copies what a machine finds that lost its power: the file before its WAL, and no shared memory.
    private func moveOut() throws {
        let old = directory
        let acknowledged = try AcknowledgedBytes(of: database)
        lives += 1
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for name in ["lather.sqlite", "lather.sqlite-wal"]
        where FileManager.default.fileExists(atPath: old.appendingPathComponent(name).path) {
            try FileManager.default.copyItem(at: old.appendingPathComponent(name), to: directory.appendingPathComponent(name))
        }
        try acknowledged.write(for: database)
    }

    /// Makes a run from JSON text.
    @discardableResult
    func make(_ name: String = "run", _ manifest: String) async throws -> Run {
        try await runs.make(RunName(name), manifest: JSONValue(parsing: Array(manifest.utf8))).run
    }

    func run(_ name: String = "run") throws -> Run {
        try runs.run(RunName(name))
    }
}

extension Store {
    /// Ends it as `kill -9` does: the write-ahead log stays, the lock goes.
    func endAsKilled() throws {
        let opening = state.withLock { $0.opening }
        try opening.close(keepingWAL: true)
        opening.keeping?.lock.unlock()
    }
}
