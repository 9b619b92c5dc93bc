import Foundation
import GRDB
import Logging
import Memory
import Synchronization

extension Store {
    /// Bytes after which the WAL is moved into the file: 32 MiB, which take 40 ms.
    private static let moveAfter = 32 << 20
    /// What a commit writes beside the blobs: three pages or so.
    private static let commitOverhead = 192 << 10

    /// Counts the bytes of blobs that a commit has added to the WAL, and has it moved into the file once it is long.
    ///
    /// That happens behind the commit's back, while its trainer computes the next gradient.
    func noteWritten(_ byteCount: Int) {
        let bytes = unmovedBytes.add(byteCount + Store.commitOverhead, ordering: .relaxed).newValue
        guard bytes >= Store.moveAfter else { return }
        unmovedBytes.store(0, ordering: .relaxed)
        // Does not keep the store: closing waits for its turn behind this. A reader in another process may stop it
        // halfway, and an error leaves the WAL as it is: in both cases the rest is moved next time.
        let opening = state.withLock { $0.opening }
        opening.queue.asyncWriteWithoutTransaction { [weak self, logger, path] db in
            guard db.sqliteConnection != nil else { return }
            do {
                try db.checkpoint(.passive)
            } catch {
                let error = StorageError(error, path: path)
                if error.kind == .syncFailed { self?.suspect(opening, .failedSync(error)) }
                Store.warnOfUnmoved(error, logger)
            }
        }
    }

    /// Has what earlier processes have left in the WAL moved into the file if it is long: a second for 2 GB or so. Nothing is
    /// lost when that fails; it is logged and tried again later.
    ///
    /// Each of them may have ended before its own turn came, and this one may too, so a server does it before anything else:
    /// otherwise the WAL, all of which every start reads, would grow for as long as they do.
    public func moveWhatWasLeft() {
        // With another process attached SQLite takes the WAL's index from their shared memory and would not look at the WAL first.
        guard !wasOpenElsewhere else { return }
        var status = stat()
        let bytes = stat(path + "-wal", &status) == 0 ? Int(status.st_size) : 0
        guard bytes >= Store.moveAfter else { return unmovedBytes.store(bytes, ordering: .relaxed) }
        let opening = state.withLock { $0.opening }
        logger.notice("moving the write-ahead log into the database", metadata: ["bytes": "\(bytes)"])
        do {
            // What readers in other processes still need is moved next time.
            _ = try withConnection(of: opening) { try $0.checkpoint(.passive) }
        } catch {
            if error.kind == .syncFailed { suspect(opening, .failedSync(error)) }
            Store.warnOfUnmoved(error, logger)
        }
    }

    private static func warnOfUnmoved(_ error: StorageError, _ logger: Logger) {
        logger.warning("The WAL could not be moved into the database for now.", metadata: ["reason": "\(error)"])
    }
}
