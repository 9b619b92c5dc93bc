import Foundation
import GRDB
import GRDBSQLite
public import Logging
import Memory
import Synchronization

/// Runs, their logs and their checkpoints in one SQLite file.
///
/// Every call blocks until it is done, may come from any thread, and is one short transaction or several; a commit is on
/// disk when the call returns, a power cut included. Calls queue up behind one connection, which is also the only one
/// that writes: SQLite before 3.51.3 can corrupt a WAL database when two connections write and checkpoint at once. SQLite
/// itself does not sync its commits: ``GroupSync`` does, several at once and beside the connection's next transaction.
///
/// After a commit of which it is not known whether it reached the disk, the file is closed, read again from the disk and
/// checked before anything more is written to it; see ``openAnew()``.
public final class Store: Sendable {
    /// The schema this build writes, and the newest it can read.
    public static let schemaVersion = Schema.migrations.count

    /// The SQLite library at hand, for example `3.40.1`.
    public static var sqliteVersion: String { String(cString: sqlite3_libversion()) }

    /// The schema of the open file.
    public let schemaVersion: Int

    let path: String
    let logger: Logger
    let partSize: Int
    let meter = StorageMeter()
    /// Checkpoints that are being read.
    let kept = KeptCheckpoints()
    /// Bytes in the WAL, roughly; see ``noteWritten(_:)``.
    let unmovedBytes = Atomic(0)
    let state: Locked<State>
    /// Held by the one thread that opens the file anew.
    let opening = Locked(())
    /// The state of a file that was at rest when it was opened to look at it.
    private let stateAtRest: FileState?
    /// What was noted as durable when the file was opened to look at it.
    let acknowledgedBefore: [Int64: AcknowledgedRecords.Note]
    /// Whether another process had the file open when this one did.
    let wasOpenElsewhere: Bool

    struct State {
        var opening: Opening
        var generation = Generation()
        var doubt: Doubt?
        var isClosed = false

        /// Why a connection is closed.
        func closedConnection(_ path: String) -> StorageError {
            if isClosed { return StorageError(.other, "\(path) is closed.") }
            return doubt?.refusal(path) ?? StorageError(.busy, "\(path) has just been opened anew. Try again.")
        }
    }

    var keeping: Opening.Keeping? { state.withLock { $0.opening.keeping } }

    /// Opens a database for one server: creates or migrates it, and removes what a crash left unfinished.
    ///
    /// A file that is not ours, too new, unreadable or open in another server is refused and left as it was.
    public convenience init(path: String, logger: Logger) throws(StorageError) {
        try self.init(path: path, logger: logger, partSize: PartTable.defaultPartSize)
    }

    init(path: String, logger: Logger, partSize: Int) throws(StorageError) {
        let file = try DatabaseFile(path: path)
        let content = try file.examine()
        let lock = try FileLock(path: file.path + "-lock", guarding: file.path)
        let acknowledged = AcknowledgedRecords(lock: lock)
        let bytes = DatabaseFile.size(ofWALBeside: file.path)
        if bytes >= DatabaseFile.longWAL { logger.notice("reading a long write-ahead log", metadata: ["bytes": "\(bytes)"]) }
        let isInDoubt = acknowledged.isAbout(file.path) && acknowledged.isInDoubt || !file.forgetWAL()
        if isInDoubt {
            acknowledged.setInDoubt(true)
            try file.forgetContents()
        }
        if acknowledged.isAbout(file.path) {
            if !acknowledged.all.isEmpty { try file.requireContent(isInDoubt ? file.examine() : content) }
        } else if content != nil, !acknowledged.all.isEmpty {
            logger.warning(
                "the lock file notes acknowledged records of another file, a copy or an older one; whether this one has all of its own is not known",
                metadata: ["database": "\(file.path)"])
        }
        self.path = file.path
        self.logger = logger
        self.partSize = partSize
        stateAtRest = nil
        acknowledgedBefore = [:]
        schemaVersion = Store.schemaVersion
        // Asked before there is a connection, whose locks would go.
        wasOpenElsewhere = file.isOpenElsewhere
        let opening = try Opening(file, lock: lock, acknowledged: acknowledged, meter: meter)
        state = Locked(State(opening: opening, doubt: isInDoubt ? .failedSync(.syncFailedBefore) : nil))
        if isInDoubt {
            try verify(opening)
            acknowledged.setInDoubt(false)
            state.withLock { $0.doubt = nil }
        }
        try requireAcknowledgedRuns()
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
        stateAtRest = file.isAtRest ? FileState(path: file.path) : nil
        let queue = try file.openForReading(asImmutable: stateAtRest != nil)
        guard case .ours(let version) = try StorageError.translating(file.path, { try queue.read(file.content) }) else {
            throw StorageError(.foreignDatabase, "\(file.path) is empty: no server has written to it yet.")
        }
        self.path = file.path
        logger = Logger(label: "storage.inspector") { _ in SwiftLogNoOpLogHandler() }
        partSize = PartTable.defaultPartSize
        schemaVersion = version
        state = Locked(State(opening: Opening(inspecting: queue)))
        acknowledgedBefore = AcknowledgedRecords.notes(besides: file.path)
        wasOpenElsewhere = false
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
        // What side files that are gone held must not be left to them, nor another server's database be touched.
        _ = try? soundOpening()
        // Not beside an opening, which would stay open.
        try opening.withLock { _ throws(StorageError) in try closeOpening() }
    }

    private func closeOpening() throws(StorageError) {
        let (wasClosed, current, doubt) = state.withLock { state in
            defer { state.isClosed = true }
            return (state.isClosed, state.opening, state.doubt)
        }
        guard !wasClosed else { return }
        defer { current.keeping?.acknowledged.lock.unlock() }
        if let doubt {
            // What the WAL holds must not be moved before it has been read again, which the next start does.
            try current.close(keepingWAL: true)
            throw doubt.refusal(path)
        }
        var failure: StorageError?
        if let keeping = current.keeping {
            do {
                let missing = try withConnection { db in
                    let missing = try runsMissingAcknowledged(in: db)
                    try keeping.sync.waitForAll()
                    _ = try db.checkpoint(.truncate)
                    return missing
                }
                keeping.acknowledged.clear(butFor: missing)
            } catch {
                failure = error.kind == .busy ? nil : error
                if error.kind == .syncFailed { keeping.acknowledged.setInDoubt(true) }
            }
        }
        try current.close(keepingWAL: failure != nil)
        if let failure { throw failure }
    }

    /// Makes a durable write that changes nothing, to learn whether steps could be stored now.
    public func checkWritable() throws(StorageError) {
        try write { try $0.execute(sql: "PRAGMA user_version = \(schemaVersion)") }
    }

    func read<Result>(_ body: (Database) throws -> Result) throws(StorageError) -> Result {
        let result = try withConnection { try Store.transaction(.deferred, in: $0, body) }
        try checkStillAtRest()
        return result
    }

    /// Throws when what has just been read as immutable may have changed on the way.
    func checkStillAtRest() throws(StorageError) {
        if let stateAtRest, stateAtRest != FileState(path: path) {
            throw StorageError(.busy, "A server has started to write to \(path). Open it again.")
        }
    }

    /// One transaction: durable when the call returns, undone when it throws.
    func write<Result>(_ body: (Database) throws -> Result) throws(StorageError) -> Result {
        let (result, commit) = try writeSoon(body)
        try wait(for: commit)
        return result
    }

    /// One transaction, undone when it throws, and durable only when its commit has been waited for.
    func writeSoon<Result>(_ body: (Database) throws -> Result) throws(StorageError) -> (Result, Commit) {
        let opening = try soundOpening()
        do {
            let written = try withConnection(of: opening) { db in
                let result = try makingRoom(in: db, of: opening) { try Store.transaction(.immediate, in: db, body) }
                return (result, Commit(opening: opening, number: opening.keeping?.sync.noteWritten() ?? 0))
            }
            noteWritten(0)
            return written
        } catch {
            if error.kind == .syncFailed { suspect(opening, .failedSync(error)) }
            throw error
        }
    }

    /// Tries again when the disk is full, with the write-ahead log's room: once all of it is in the database, it is begun anew.
    private func makingRoom<Result>(in db: Database, of opening: Opening, _ write: () throws -> Result) throws -> Result {
        do {
            return try write()
        } catch let full as DatabaseError where full.extendedResultCode == .SQLITE_FULL {
            do {
                // Waits for no reader.
                try opening.moveWAL(in: db, path)
            } catch {
                throw StorageError(error, path: path).kind == .syncFailed ? error : full
            }
            return try write()
        }
    }

    func wait(for commit: Commit) throws(StorageError) {
        do {
            try commit.opening.keeping?.sync.wait(for: commit.number)
        } catch {
            suspect(commit.opening, .failedSync(error))
            throw error
        }
    }

    private static func transaction<Result>(
        _ kind: Database.TransactionKind, in db: Database, _ body: (Database) throws -> Result
    ) throws -> Result {
        var result: Result?
        try db.inTransaction(kind) {
            result = try body(db)
            return .commit
        }
        return result!
    }

    func withConnection<Result>(_ body: (Database) throws -> Result) throws(StorageError) -> Result {
        try withConnection(of: state.withLock { $0.opening }, body)
    }

    func withConnection<Result>(of opening: Opening, _ body: (Database) throws -> Result) throws(StorageError) -> Result {
        try StorageError.translating(path) {
            try opening.queue.writeWithoutTransaction { db in
                // GRDB would hand a closed connection's null pointer to SQLite, which crashes.
                guard db.sqliteConnection != nil else { throw state.withLock { $0.closedConnection(path) } }
                return try body(db)
            }
        }
    }
}
