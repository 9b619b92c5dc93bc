import Foundation
import GRDB
import Logging
import Synchronization

/// Why the open file cannot be relied on.
enum Doubt {
    /// The device failed to make something durable. The system then takes what it holds in memory for written, so that
    /// another attempt would succeed without having written anything.
    case failedSync(StorageError)
    /// The write-ahead log or the lock is not at its path any more.
    case sideFilesGone

    /// What is said to whoever wants to write meanwhile.
    func refusal(_ path: String) -> StorageError {
        switch self {
        case .failedSync(let error):
            StorageError(.io, "\(path) has to be read again from its device before it is written to: \(error.message)")
        case .sideFilesGone:
            StorageError(.cannotOpen, "\(path)-wal or -lock has been moved or deleted.")
        }
    }
}

extension Store {
    /// How often the file has been opened anew since something might not have reached the disk; nil while it might not have.
    /// Whoever keeps a picture of what the file holds compares the two when this has changed.
    public var generation: Int? { state.withLock { $0.doubt == nil ? $0.generation : nil } }

    /// Returns when the file can be relied on: at once, or after it has been opened anew.
    public func ensureSound() throws(StorageError) {
        _ = try soundOpening()
    }

    /// The newest record of a run that was noted as durable; 0 is none. A log that ends before it has lost records.
    public func acknowledgedSequence(of run: Int64) -> Int64 {
        state.withLock { $0.opening.keeping }?.acknowledged.sequence(of: run) ?? 0
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
            guard state.opening === opening, state.doubt == nil else { return false }
            state.doubt = doubt
            return true
        }
        if isNew { logger.error("database in doubt", metadata: ["reason": "\(doubt.refusal(path).message)"]) }
    }

    /// Closes the file, drops what the system remembers of it, opens it, and checks its structure. Whoever is first does it,
    /// others wait for him.
    private func openAnew() throws(StorageError) -> Opening {
        try opening.withLock { _ throws(StorageError) in
            let (current, doubt, isClosed) = state.withLock { ($0.opening, $0.doubt, $0.isClosed) }
            guard let doubt else { return current }
            guard let keeping = current.keeping, !isClosed else { return current }
            do throws(StorageError) {
                return try openAnew(current, keeping, doubt)
            } catch {
                // What is asked for now has not been written, so nothing of it is in doubt.
                throw error.kind == .syncFailed ? StorageError(.io, error.message) : error
            }
        }
    }

    private func openAnew(_ old: Opening, _ keeping: Opening.Keeping, _ doubt: Doubt) throws(StorageError) -> Opening {
        guard keeping.presence.finding != .databaseGone else { throw doubt.refusal(path) }
        let file = DatabaseFile(unresolved: path)
        switch doubt {
        case .failedSync:
            try old.close(keepingWAL: true)
            // In this order: a file whose log cannot be read must not be found without one.
            try DatabaseFile(unresolved: path + "-wal").dropFromCache()
            try file.dropFromCache()
        case .sideFilesGone:
            // All that is committed goes into the database, through descriptors that still lead to the log.
            try withConnection(of: old) { _ = try $0.checkpoint(.truncate) }
            try old.close(keepingWAL: true)
            if keeping.presence.hasForeignWAL { try setAsideWAL() }
        }
        try file.requireContent(file.examine())
        let lock = keeping.presence.hasLock ? keeping.lock : try FileLock(path: path + "-lock", guarding: path)
        let new = try Opening(file, lock: lock)
        state.withLock { $0.opening = new }
        try withConnection(of: new) { db in
            let finding = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
            guard finding == "ok" else { throw StorageError.corrupt(path, "is not whole: \(finding ?? "no answer")") }
            // Some of what was written of them may not be there.
            try db.execute(sql: Store.dropUnfinished)
        }
        // Proof that syncs succeed again.
        if let sync = new.keeping?.sync { try sync.wait(for: sync.noteWritten()) }
        state.withLock { state in
            state.doubt = nil
            if case .failedSync = doubt { state.generation += 1 }
        }
        logger.notice("database opened anew", metadata: ["database": "\(path)"])
        return new
    }

    /// A write-ahead log that is not the database's own would be played back onto it.
    private func setAsideWAL() throws(StorageError) {
        guard rename(path + "-wal", path + "-wal-foreign") == 0 else {
            throw StorageError(.io, "\(path)-wal is not the database's own and cannot be moved away (\(String(cString: strerror(errno)))).")
        }
        logger.warning("a foreign write-ahead log was set aside", metadata: ["file": "\(path)-wal-foreign"])
    }
}

extension DatabaseFile {
    /// Makes the next read of the file come from its device.
    func dropFromCache() throws(StorageError) {
        // Only what is on the device can be dropped.
        try sync()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0 else {
            throw StorageError(.io, "\(path) cannot be read from its device (\(String(cString: strerror(errno)))).")
        }
    }
}
