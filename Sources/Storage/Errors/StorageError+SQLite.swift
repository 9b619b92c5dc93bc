import CStorage
import Foundation
import GRDB

extension StorageError {
    /// Runs database work on `path` and turns whatever it throws into a `StorageError`.
    static func translating<Result>(_ path: String, _ work: () throws -> Result) throws(StorageError) -> Result {
        // One that was made up for is nobody's.
        _ = lather_take_read_error()
        do {
            return try work()
        } catch {
            throw StorageError(error, path: path)
        }
    }

    /// What work on the database at `path` has thrown.
    init(_ error: any Error, path: String) {
        switch error {
        case let error as StorageError: self = error
        case let error as DatabaseError: self.init(error, path: path)
        case is RowDecodingError: self.init(.corrupt(what: path), "\(path) is damaged: \(error). Restore it from a backup.")
        default: self.init(.other, "\(path): \(error)")
        }
    }

    /// What a check of the file's structure has found, in SQLite's words. It does not throw what it cannot read.
    init(finding: String, path: String) {
        let readError = lather_take_read_error()
        self =
            readError == 0
            ? .corrupt(path, "is not whole: \(finding)")
            : StorageError(
                .io, "The system failed to read \(path) (\(String(cString: strerror(readError)))). Check the device, then try again.")
    }

    /// The meaning of SQLite's extended result codes (https://www.sqlite.org/rescode.html).
    init(_ error: DatabaseError, path: String) {
        let reason = "SQLite \(error.extendedResultCode.rawValue): \(error.message ?? "no message")"
        let readError = lather_take_read_error()
        switch error.extendedResultCode {
        case .SQLITE_CORRUPT where readError != 0, .SQLITE_NOTADB where readError != 0:
            // SQLite takes what the device could not read for damaged.
            self.init(
                .io, "The system failed to read \(path) (\(String(cString: strerror(readError)))). Check the device, then try again.")
        case .SQLITE_FULL:
            self.init(.full, "No room left to write \(path). Free some space on its device, then try again.")
        case .SQLITE_IOERR_FSYNC, .SQLITE_IOERR_DIR_FSYNC:
            self.init(.syncFailed, "The device failed to make \(path) durable (\(reason)). Check the device, then try again.")
        case .SQLITE_IOERR:
            self.init(.io, "The system failed to read or write \(path) (\(reason)). Check the device, then try again.")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            self.init(.readOnly, "\(path) cannot be written (\(reason)). Check the permissions of the file and of its directory.")
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
            self.init(.busy, "Another process holds a lock on \(path) (\(reason)). Close it, then try again.")
        case .SQLITE_CANTOPEN:
            self.init(.cannotOpen, "\(path) or its -wal and -shm files cannot be opened (\(reason)). Check paths and permissions.")
        case .SQLITE_CORRUPT:
            self.init(.corrupt(what: path), "\(path) is damaged (\(reason)). Restore it from a backup.")
        case .SQLITE_NOTADB:
            self.init(.notADatabase, "\(path) is not an SQLite database. It has been left as it was.")
        default:
            self.init(.other, "\(path): \(reason)")
        }
    }
}
