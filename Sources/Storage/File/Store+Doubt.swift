import Foundation
import GRDB
import Logging
import Synchronization

/// Why the open file cannot be relied on.
enum Doubt {
    /// The device failed to make something durable. The system then takes what it holds in memory for written, so that
    /// another attempt would succeed without having written anything.
    case failedSync(StorageError)
    /// A file beside the database is not at its path any more: the write-ahead log, its index or the lock.
    case sideFilesGone

    /// What is said to whoever waits for a commit that nobody makes durable any more.
    func unfinishedCommit(_ path: String) -> StorageError { StorageError(.syncFailed, refusal(path).message) }

    /// What is said to whoever wants to write meanwhile.
    func refusal(_ path: String) -> StorageError {
        switch self {
        case .failedSync(let error):
            StorageError(.busy, "\(path) has to be read again from its device before it is written to: \(error.message)")
        case .sideFilesGone:
            StorageError(.cannotOpen, "\(path)-wal, -shm or -lock has been moved or deleted.")
        }
    }
}

extension Store {
    /// Returns when the file can be relied on: at once, or after it has been opened anew.
    public func ensureSound() throws(StorageError) {
        _ = try soundOpening()
    }

    /// What was noted as durable of a run.
    func acknowledged(of run: Int64) -> AcknowledgedRecords.Note {
        keeping?.acknowledged.note(of: run) ?? acknowledgedBefore[run] ?? AcknowledgedRecords.Note()
    }

    func soundOpening() throws(StorageError) -> Opening {
        let (current, doubt, isClosed) = state.withLock { ($0.opening, $0.doubt, $0.isClosed) }
        // A closed connection says so itself.
        guard let keeping = current.keeping, !isClosed else { return current }
        if doubt == nil {
            switch keeping.presence.finding {
            case .intact: return current
            case .databaseGone:
                throw StorageError(.cannotOpen, "\(path) is not there any more: it has been moved, deleted or replaced. Put it back.")
            case .sideFilesGone: suspect(current, .sideFilesGone)
            }
        }
        return try openAnew()
    }

    /// Notes that an opening cannot be relied on, unless another has taken its place.
    func suspect(_ opening: Opening, _ doubt: Doubt) {
        let isNew = state.withLock { state in
            guard state.opening === opening else { return false }
            switch (state.doubt, doubt) {
            case (nil, _), (.sideFilesGone, .failedSync):
                state.doubt = doubt
                // Should this process end before it has read the file again, the next one has to.
                if case .failedSync = doubt { opening.keeping?.acknowledged.setInDoubt(true) }
                return true
            default: return false
            }
        }
        guard isNew else { return }
        logger.error("database in doubt", metadata: ["reason": "\(doubt.refusal(path).message)"])
    }

    /// Closes the file, drops what the system remembers of it, opens it, and checks its structure. Whoever is first does it,
    /// others wait for him.
    private func openAnew() throws(StorageError) -> Opening {
        try opening.withLock { _ throws(StorageError) in
            let (current, doubt, isClosed) = state.withLock { ($0.opening, $0.doubt, $0.isClosed) }
            guard let doubt, let keeping = current.keeping, !isClosed else { return current }
            do throws(StorageError) {
                return try openAnew(current, keeping, doubt)
            } catch {
                guard error.kind == .syncFailed else { throw error }
                suspect(current, .failedSync(error))
                // What is asked for now has not been written, so nothing of it is in doubt.
                throw StorageError(.busy, error.message)
            }
        }
    }

    private func openAnew(_ old: Opening, _ keeping: Opening.Keeping, _ doubt: Doubt) throws(StorageError) -> Opening {
        let file = DatabaseFile(unresolved: path)
        let finding = keeping.presence.finding
        guard finding != .databaseGone else { throw doubt.refusal(path) }
        // First of all: without the lock another server may be writing.
        let lock = try holdLock(keeping)
        if old.isOpen {
            if finding == .sideFilesGone {
                // Once this connection is closed nothing leads to a log that was deleted: all of it goes into the database now.
                try withConnection(of: old) { _ = try $0.checkpoint(.truncate) }
                if keeping.presence.hasForeignWAL { try setAsideWAL() }
            }
            try old.close(keepingWAL: true)
        }
        // A sync that was still under way may have failed.
        if let failure = keeping.sync.end(doubt.unfinishedCommit(path)) { suspect(old, .failedSync(failure)) }
        if keeping.acknowledged.isInDoubt { try file.forgetContents() }
        try file.requireContent(file.examine())
        let new = try Opening(file, lock: lock, acknowledged: keeping.acknowledged)
        do {
            try verify(new)
        } catch {
            try? new.close(keepingWAL: true)
            throw error
        }
        state.withLock { state in
            keeping.acknowledged.setInDoubt(false)
            state.opening = new
            state.doubt = nil
            state.generation.number += 1
        }
        logger.notice("database opened anew", metadata: ["database": "\(path)"])
        return new
    }

    /// Checks a file that was in doubt: its structure, and that it takes writes again.
    func verify(_ opening: Opening) throws(StorageError) {
        try withConnection(of: opening) { db in
            let finding = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
            guard finding == "ok" else { throw StorageError(finding: finding ?? "no answer", path: path) }
            // Some of what was written of them may not be there.
            try db.execute(sql: Store.dropUnfinished)
            // Something to sync, as proof that syncs succeed again.
            try db.execute(sql: "PRAGMA user_version = \(schemaVersion)")
        }
        if let sync = opening.keeping?.sync { try sync.wait(for: sync.noteWritten()) }
    }

    /// The lock; one that has taken the old one's place is locked too, and gets what was noted there.
    private func holdLock(_ keeping: Opening.Keeping) throws(StorageError) -> FileLock {
        // Perhaps taken by an attempt that failed later.
        let held = keeping.acknowledged.lock
        guard !held.isAt(path + "-lock") else { return held }
        let lock = try FileLock(path: path + "-lock", guarding: path)
        state.withLock { $0.generation.takeovers += 1 }
        keeping.acknowledged.move(to: lock)
        return lock
    }

    /// A write-ahead log that is not the database's own would be played back onto it.
    private func setAsideWAL() throws(StorageError) {
        var aside = path + "-wal-foreign"
        var number = 1
        while access(aside, F_OK) == 0 {
            number += 1
            aside = "\(path)-wal-foreign-\(number)"
        }
        guard rename(path + "-wal", aside) == 0 else {
            throw StorageError(.io, "\(path)-wal is not the database's own and cannot be moved away (\(String(cString: strerror(errno)))).")
        }
        logger.warning("a foreign write-ahead log was set aside", metadata: ["file": "\(aside)"])
    }
}

extension DatabaseFile {
    /// Makes the next reads of the file and of its write-ahead log come from the device. Nobody of this process has it open.
    ///
    /// - Throws: ``StorageError/Kind/busy`` while another process has it open: SQLite then goes on with the index of the log that
    ///   is in their shared memory, and would not look at the log.
    func forgetContents() throws(StorageError) {
        guard !isOpenElsewhere else {
            throw StorageError(.busy, "\(path) has to be read again, but another process has it open. Close it there.")
        }
        // In this order: a database whose log cannot be read must not be found without one.
        if !isAtRest { try DatabaseFile(unresolved: path + "-wal").dropFromCache() }
        try dropFromCache()
    }

    /// Makes the next reads of the write-ahead log come from the device: a process that ended at once when a sync failed could
    /// not note it.
    ///
    /// - Returns: false when a sync failed only now.
    func forgetWAL() -> Bool {
        guard !isAtRest else { return true }
        do {
            try DatabaseFile(unresolved: path + "-wal").dropFromCache()
        } catch {
            return error.kind != .syncFailed
        }
        return true
    }

    private func dropFromCache() throws(StorageError) {
        // Only what is on the device can be dropped.
        try sync()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0 else {
            throw StorageError(.io, "\(path) cannot be read from its device (\(String(cString: strerror(errno)))).")
        }
    }

    /// Whether another process has a connection in WAL mode: it holds a lock on this byte of the shared memory
    /// (https://www.sqlite.org/walformat.html, `UNIX_SHM_DMS` in SQLite's os_unix.c).
    var isOpenElsewhere: Bool {
        let descriptor = open(path + "-shm", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = 128
        lock.l_len = 1
        return fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
    }
}
