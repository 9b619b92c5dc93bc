import Foundation
import GRDB
import Logging
import Memory
import Synchronization

extension Store {
    /// Bytes after which the WAL is moved into the file: 32 MiB, which take 40 to 100 ms, 25 of them of a core.
    private static let moveAfter = 32 << 20
    /// Where counting begins again after a move that failed, so that the next is not far.
    private static let countAfterFailure = 24 << 20
    /// What a commit writes beside the blobs: three pages or so.
    private static let commitOverhead = 192 << 10

    /// Counts the bytes of blobs that a commit has added to the WAL, and has it moved into the file once it is long.
    ///
    /// That happens behind the commit's back, while its trainer computes the next gradient.
    func noteWritten(_ byteCount: Int) {
        let bytes = unmovedBytes.add(byteCount + Store.commitOverhead, ordering: .relaxed).newValue
        guard bytes >= Store.moveAfter else { return }
        unmovedBytes.store(0, ordering: .relaxed)
        let opening = state.withLock { $0.opening }
        opening.queue.asyncWriteWithoutTransaction { [weak self, path] db in
            guard db.sqliteConnection != nil else { return }
            do {
                try opening.moveWAL(in: db, path)
            } catch {
                let error = StorageError(error, path: path)
                // Not here: whoever lets go of the store last closes it, and that waits for its turn behind this.
                DispatchQueue.global().async { [weak self] in self?.noteUnmoved(error, of: opening) }
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
        let bytes = DatabaseFile.size(ofWALBeside: path)
        guard bytes >= Store.moveAfter else { return unmovedBytes.store(bytes, ordering: .relaxed) }
        logger.notice("moving the write-ahead log into the database", metadata: ["bytes": "\(bytes)"])
        let opening = state.withLock { $0.opening }
        do {
            try withConnection(of: opening) { try opening.moveWAL(in: $0, path) }
        } catch {
            noteUnmoved(error, of: opening)
        }
    }

    private func noteUnmoved(_ error: StorageError, of opening: Opening) {
        if error.kind == .syncFailed { suspect(opening, .failedSync(error)) }
        unmovedBytes.store(Store.countAfterFailure, ordering: .relaxed)
        logger.warning("The WAL could not be moved into the database for now.", metadata: ["reason": "\(error)"])
    }
}

extension Opening {
    /// Moves the WAL into the file, except for what a reader in another process still needs: that is moved next time.
    ///
    /// Only what a sync of ours has confirmed is moved. SQLite syncs the WAL before it moves it, but what ours has failed to make
    /// durable may be lost although a second sync succeeds, and the file would be left with some pages of a commit.
    func moveWAL(in db: Database, _ path: String) throws {
        if let keeping {
            guard !keeping.acknowledged.isInDoubt else { throw Doubt.failedSync(.syncFailedBefore).refusal(path) }
            try keeping.sync.waitForAll()
        }
        try requireRoomToMove(in: db, path)
        try db.checkpoint(.passive)
    }

    /// Half a move would take the last free room and give none back.
    private func requireRoomToMove(in db: Database, _ path: String) throws {
        let size = try Int.fetchOne(db, sql: "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size") ?? 0
        var (file, system) = (stat(), statvfs())
        // Where it is not known the move itself will tell.
        guard stat(path, &file) == 0, statvfs(path, &system) == 0 else { return }
        let (needed, free) = (size - Int(file.st_size), Int(system.f_bavail) * Int(system.f_frsize))
        guard needed <= free else {
            throw StorageError(.full, "\(path) would grow by \(needed) bytes, and the file system has \(free) left.")
        }
    }
}

extension DatabaseFile {
    static func size(ofWALBeside path: String) -> Int {
        var status = stat()
        return stat(path + "-wal", &status) == 0 ? Int(status.st_size) : 0
    }

    /// A WAL of so many bytes takes a moment to be read at a start.
    static let longWAL = 256 << 20
}
