import CStorage
import Foundation
import GRDB

/// One opening of the file: its connection and, for a server, what makes its commits certain.
final class Opening: Sendable {
    let queue: DatabaseQueue
    /// nil for who only looks.
    let keeping: Keeping?

    /// How a server knows that it is alone, that the files are those it opened, and that its commits are on disk.
    struct Keeping: Sendable {
        let lock: FileLock
        let presence: FilePresence
        let acknowledged: AcknowledgedRecords
        let sync: GroupSync
    }

    init(inspecting queue: DatabaseQueue) {
        self.queue = queue
        keeping = nil
    }

    /// Opens a file to write to it; creates or migrates it.
    init(_ file: DatabaseFile, lock: FileLock, acknowledged: AcknowledgedRecords) throws(StorageError) {
        queue = try StorageError.translating(file.path) {
            let queue = try file.openForWriting()
            try Schema.migrate(queue)
            return queue
        }
        try file.syncDirectory()
        let presence = FilePresence(path: file.path)
        let wal = try WALFile(path: file.path + "-wal")
        let sync = GroupSync { () throws(StorageError) in
            try wal.sync()
            guard lock.isAnswered else {
                throw StorageError(.syncFailed, "The file system of \(file.path) has shut down. Mount it again.")
            }
            guard presence.finding == .intact else {
                throw StorageError(.syncFailed, "\(file.path), or a file beside it, has been moved or deleted. Put it back.")
            }
        }
        acknowledged.begin(file.path)
        keeping = Keeping(lock: lock, presence: presence, acknowledged: acknowledged, sync: sync)
    }

    var isOpen: Bool { queue.writeWithoutTransaction { $0.sqliteConnection != nil } }

    /// Closes the connection, if it is open.
    ///
    /// - Parameter keepingWAL: leaves the write-ahead log as it is; otherwise it is moved into the database and removed.
    func close(keepingWAL: Bool) throws(StorageError) {
        try StorageError.translating(queue.path) {
            guard isOpen else { return }
            queue.writeWithoutTransaction { db in
                if let connection = db.sqliteConnection { _ = lather_keep_wal(connection, keepingWAL ? 1 : 0) }
            }
            try queue.close()
        }
    }
}
