import CStorage
import Foundation
import GRDB
import GRDBSQLite

/// The database as a file: what it is, and how a connection to it is opened.
struct DatabaseFile {
    enum Content {
        /// Without a table: free to become ours.
        case empty
        case ours(version: Int)
    }

    /// Absolute and without symbolic links: one file has one lock, and SQLite takes no path for a `file:` URI.
    let path: String

    init(path: String) throws(StorageError) {
        let url = URL(fileURLWithPath: path)
        if let existing = realpath(url.path, nil) {
            defer { free(existing) }
            self.path = String(cString: existing)
            return
        }
        let directory = url.deletingLastPathComponent().path
        guard !path.isEmpty, let existing = realpath(directory, nil) else {
            throw StorageError(.cannotOpen, "The directory \(directory) of the database does not exist or cannot be read.")
        }
        defer { free(existing) }
        self.path = URL(fileURLWithPath: String(cString: existing)).appendingPathComponent(url.lastPathComponent).path
    }

    /// A file beside one that has been resolved.
    init(unresolved path: String) {
        self.path = path
    }

    private static let readsAreWatched: Void = lather_watch_reads()

    /// Finds out whose the file is, through a connection that cannot write.
    ///
    /// The header alone would not do: after a crash the newest schema version may still be in the WAL.
    ///
    /// - Returns: nil without a file.
    /// - Throws: when there is one that is not ours to open.
    func examine() throws(StorageError) -> Content? {
        guard access(path, F_OK) == 0 else {
            guard isAtRest else {
                throw StorageError(
                    .cannotOpen, "\(path) is not there, but its -wal file is. Put the database back; to begin anew, delete the -wal file.")
            }
            return nil
        }
        let queue = try openForReading(asImmutable: isAtRest)
        return try StorageError.translating(path) {
            defer { try? queue.close() }
            return try queue.read(content)
        }
    }

    /// Throws when there is nothing in a file that had records.
    func requireContent(_ content: Content?) throws(StorageError) {
        guard case .ours? = content else {
            throw StorageError(
                .corrupt(what: path),
                "\(path) is empty, but held records that were acknowledged. Restore it from a backup; to begin anew, delete it.")
        }
    }

    /// Finds out whose the open file is.
    func content(_ db: Database) throws -> Content {
        let applicationID = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        if applicationID != Schema.applicationID {
            let objects = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            guard applicationID == 0, objects == 0 else {
                throw StorageError(.foreignDatabase, "\(path) is a database of another program. It has been left as it was.")
            }
            return .empty
        }
        let found = try Schema.version(db)
        guard found <= Store.schemaVersion else {
            throw StorageError(
                .newerSchema(found: found, supported: Store.schemaVersion),
                "\(path) has schema version \(found), and this build knows \(Store.schemaVersion). Use a newer build; "
                    + "the file has been left as it was.")
        }
        try Schema.requireDefinitions(ofVersion: found, in: db)
        return .ours(version: found)
    }

    /// Whether nobody has the file open and all of it is in the file itself: its `-wal` goes with a clean close only.
    var isAtRest: Bool { access(path + "-wal", F_OK) != 0 }

    /// A connection that never changes the file or its WAL, whether a server is running, has stopped or has crashed.
    ///
    /// - Parameter asImmutable: only for a file at rest. SQLite then takes no locks and leaves no side files behind (they
    ///   would belong to whoever inspects, and could shut out the server's user).
    func openForReading(asImmutable: Bool) throws(StorageError) -> DatabaseQueue {
        DatabaseFile.readsAreWatched
        var status = stat()
        guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
            throw StorageError(.cannotOpen, "\(path) cannot be read (\(String(cString: strerror(errno)))).")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw StorageError(.cannotOpen, "\(path) is not a regular file.")
        }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(DatabaseFile.busyTimeout)
        configuration.prepareDatabase { $0.add(function: RowDigest.function) }
        let takesURI = sqlite3_compileoption_used("USE_URI") != 0
        let location = asImmutable && takesURI ? URL(fileURLWithPath: path).absoluteString + "?immutable=1" : path
        return try StorageError.translating(path) { try DatabaseQueue(path: location, configuration: configuration) }
    }

    /// The connection for everything; creates the file when it is absent.
    func openForWriting() throws -> DatabaseQueue {
        DatabaseFile.readsAreWatched
        var configuration = Configuration()
        configuration.busyMode = .timeout(DatabaseFile.busyTimeout)
        configuration.prepareDatabase { db in
            // Closed in an error's course, a connection must not move what nobody has checked.
            if let connection = db.sqliteConnection { _ = lather_keep_wal(connection, 1) }
            db.add(function: RowDigest.function)
            // Later it has no effect, but would write, which a full disk does not take.
            if try Int.fetchOne(db, sql: "PRAGMA page_count") == 0 { try db.execute(sql: DatabaseFile.layout) }
            try db.execute(sql: DatabaseFile.settings)
            guard try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL") == "wal" else {
                throw DatabaseError(resultCode: .SQLITE_CANTOPEN, message: "the file system does not support WAL mode")
            }
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Makes the file's name durable; SQLite does so for its journals only.
    func syncDirectory() throws(StorageError) {
        try DatabaseFile(unresolved: URL(fileURLWithPath: path).deletingLastPathComponent().path).sync()
    }

    /// Makes the contents of this file or directory durable.
    func sync() throws(StorageError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw StorageError(.syncFailed, "\(path) cannot be made durable (\(String(cString: strerror(errno)))). Check the device.")
        }
    }

    /// Seconds to wait for a lock of another process, an inspector that recovers a WAL for example.
    private static let busyTimeout: TimeInterval = 5

    /// - 64 KiB pages: a 64 MiB body takes 60 ms where 16 KiB take 110 and 4 KiB 200.
    /// - Incremental auto-vacuum: lets ``Store/sweep()`` shrink the file in pieces, and its page map lets a large blob
    ///   be freed without reading it.
    private static let layout = "PRAGMA page_size = 65536; PRAGMA auto_vacuum = INCREMENTAL"

    /// - `synchronous` NORMAL: SQLite syncs when it moves the WAL and when it begins it anew; ``GroupSync`` does after commits.
    /// - `secure_delete` is Debian's default and would write zeros over all that is deleted (64 MiB: 66 ms, without: 1).
    /// - ``Store/noteWritten(_:)`` has the WAL moved into the file; SQLite itself would keep a failure of that to itself. After
    ///   one giant transaction the WAL is cut back to 256 MiB.
    private static let settings = """
        PRAGMA synchronous = NORMAL;
        PRAGMA secure_delete = OFF;
        PRAGMA trusted_schema = OFF;
        PRAGMA wal_autocheckpoint = 0;
        PRAGMA journal_size_limit = \(256 << 20);
        """
}
