import Foundation
import GRDB
import GRDBSQLite
public import Logging
import Synchronization

/// Runs, their logs and their checkpoints in one SQLite file.
///
/// Every call blocks until it is done, may come from any thread, and is one short transaction or several; a commit is on
/// disk when the call returns, a power cut included. Calls queue up behind one connection, which is also the only one
/// that writes: SQLite before 3.51.3 can corrupt a WAL database when two connections write and checkpoint at once.
public final class Store: Sendable {
    /// The schema this build writes, and the newest it can read.
    public static let schemaVersion = Schema.migrations.count

    /// The SQLite library at hand, for example `3.40.1`.
    public static var sqliteVersion: String { String(cString: sqlite3_libversion()) }

    /// The schema of the open file.
    public let schemaVersion: Int

    let path: String
    let queue: DatabaseQueue
    let logger: Logger
    let partSize: Int
    /// Checkpoints that are being read.
    let kept = KeptCheckpoints()
    /// Bytes in the WAL, roughly; see ``noteWritten(_:)``.
    let unmovedBytes = Atomic(0)
    private let access: Access
    /// The file system went away under a commit: what the file holds is known only when it has been opened again.
    private let isCutOff = Atomic(false)

    private enum Access {
        case server(FileLock)
        /// The state of a file that was at rest when it was opened, nil when SQLite's locks guard the reads.
        case inspector(FileState?)
    }

    /// Opens a database for one server: creates or migrates it, and removes what a crash left unfinished.
    ///
    /// A file that is not ours, too new, unreadable or open in another server is refused and left as it was.
    public convenience init(path: String, logger: Logger) throws(StorageError) {
        try self.init(path: path, logger: logger, partSize: PartTable.defaultPartSize)
    }

    init(path: String, logger: Logger, partSize: Int) throws(StorageError) {
        let file = try DatabaseFile(path: path)
        try file.examine()
        let lock = try FileLock(path: file.path + "-lock", guarding: file.path)
        self.path = file.path
        self.logger = logger
        self.partSize = partSize
        access = .server(lock)
        schemaVersion = Store.schemaVersion
        queue = try StorageError.translating(file.path) {
            let queue = try file.openForWriting()
            try Schema.migrate(queue)
            return queue
        }
        try file.syncDirectory()
        try recallRuns()
        try dropUnfinishedCheckpoints()
        sweepOrWarn()
    }

    /// Opens a database to look at it, beside a running server or after a crash, without a lock and without changing it.
    ///
    /// Calls that write throw ``StorageError/Kind/readOnly``. A call throws ``StorageError/Kind/busy`` when the file was
    /// at rest at first and a server has written to it since; open it again then.
    public init(inspecting path: String) throws(StorageError) {
        let file = try DatabaseFile(path: path)
        let state = file.isAtRest ? FileState(path: file.path) : nil
        let queue = try file.openForReading(asImmutable: state != nil)
        guard case .ours(let version) = try StorageError.translating(file.path, { try queue.read(file.content) }) else {
            throw StorageError(.foreignDatabase, "\(file.path) is empty: no server has written to it yet.")
        }
        self.path = file.path
        self.queue = queue
        logger = Logger(label: "storage.inspector") { _ in SwiftLogNoOpLogHandler() }
        partSize = PartTable.defaultPartSize
        access = .inspector(state)
        schemaVersion = version
    }

    deinit {
        // The connection goes before the lock does. Nobody is left to be told of an error; the next start reads the WAL.
        try? close()
    }

    /// Moves the WAL into the file and closes it. Any later call throws, but closing again does nothing.
    ///
    /// It is closed also when it throws, and nothing is lost: the next start reads the WAL. A reader in another process
    /// that keeps the WAL from being emptied is no error.
    public func close() throws(StorageError) {
        guard queue.writeWithoutTransaction({ $0.sqliteConnection != nil }) else { return }
        var failure: StorageError?
        if case .server = access {
            do {
                _ = try withConnection { try $0.checkpoint(.truncate) }
            } catch {
                failure = error.kind == .busy ? nil : error
            }
        }
        try StorageError.translating(path) { try queue.close() }
        if case .server(let lock) = access { lock.unlock() }
        if let failure { throw failure }
    }

    /// Makes a durable write that changes nothing, to learn whether steps could be stored now.
    public func checkWritable() throws(StorageError) {
        try write { try $0.execute(sql: "PRAGMA user_version = \(schemaVersion)") }
    }

    func read<Result>(_ body: (Database) throws -> Result) throws(StorageError) -> Result {
        let result = try transaction(.deferred, body)
        try checkStillAtRest()
        return result
    }

    /// Throws when what has just been read as immutable may have changed on the way.
    func checkStillAtRest() throws(StorageError) {
        if case .inspector(let state?) = access, state != FileState(path: path) {
            throw StorageError(.busy, "A server has started to write to \(path). Open it again.")
        }
    }

    /// One transaction: durable when the call returns, undone when it throws.
    func write<Result>(_ body: (Database) throws -> Result) throws(StorageError) -> Result {
        guard !isCutOff.load(ordering: .relaxed) else { throw cutOff }
        let result = try transaction(.immediate, body)
        if case .server(let lock) = access, !lock.isAnswered {
            isCutOff.store(true, ordering: .relaxed)
            throw cutOff
        }
        return result
    }

    private var cutOff: StorageError {
        StorageError(.syncFailed, "The file system of \(path) has shut down. Mount it again and restart the server.")
    }

    private func transaction<Result>(
        _ kind: Database.TransactionKind, _ body: (Database) throws -> Result
    ) throws(StorageError) -> Result {
        try withConnection { db in
            var result: Result?
            try db.inTransaction(kind) {
                result = try body(db)
                return .commit
            }
            return result!
        }
    }

    func withConnection<Result>(_ body: (Database) throws -> Result) throws(StorageError) -> Result {
        try StorageError.translating(path) {
            try queue.writeWithoutTransaction { db in
                // GRDB would hand a closed connection's null pointer to SQLite, which crashes.
                guard db.sqliteConnection != nil else { throw StorageError(.other, "\(path) has been closed.") }
                return try body(db)
            }
        }
    }
}
