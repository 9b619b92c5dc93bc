import GRDB
import Logging

/// What is looked after at a start, before the first sweep.
extension Store {
    /// A run is swept away only when it was deleted: where damage alone says so, the digest does not, and the run is back.
    func recallRuns() throws(StorageError) {
        let recalled = try read { db in
            try Row.fetchAll(db, sql: Store.selectRun + " WHERE deleted <> 0").filter { !RowDigest.isRight($0, Schema.runColumns) }
                .map { try $0.decode(Int64.self, forColumn: "id") }
        }
        for run in recalled {
            do {
                try write { try $0.execute(sql: "UPDATE run SET deleted = 0 WHERE id = ?", arguments: [run]) }
            } catch {
                // Its name was taken again, so it was deleted.
                guard error.kind == .other else { throw error }
                logger.warning("a deleted run is damaged", metadata: ["id": "\(run)", "reason": "\(error)"])
            }
        }
    }

    /// Throws when the file is from before a run was made of which records were acknowledged.
    public func requireAcknowledgedRuns() throws(StorageError) {
        // Before the file, which may grow meanwhile; deleted ones too: ids are never used again.
        let noted = (keeping?.acknowledged.all ?? acknowledgedBefore).keys
        let newest = try read(newestRun)
        guard let lost = noted.filter({ $0 > newest }).min() else { return }
        throw StorageError(
            .corrupt(what: path),
            "\(path) has no run \(lost), of which records were acknowledged: it or its -wal file has been damaged or replaced. If an "
                + "older copy was put in its place on purpose, delete the -lock file.")
    }

    private func newestRun(_ db: Database) throws -> Int64 {
        try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'run'") ?? 0
    }

    /// Runs of which something was acknowledged that is not in the file, and which were not deleted.
    func runsMissingAcknowledged(in db: Database) throws -> Set<Int64> {
        let newest = try newestRun(db)
        return Set(
            (keeping?.acknowledged.all ?? [:]).filter { run, note in
                do {
                    return try lacks(note, run, in: db)
                } catch let error as StorageError where error.kind == .notFound {
                    return run > newest
                } catch {
                    return true
                }
            }.keys)
    }

    /// Throws when a run does not have all that was acknowledged of it.
    public func requireAcknowledged(of run: Int64) throws(StorageError) {
        // Before the file, which may grow meanwhile.
        let note = acknowledged(of: run)
        try read { db in
            guard try lacks(note, run, in: db) else { return }
            let last = try lastSequence(of: run, in: db)
            let found =
                last < note.sequence ? "has a log that ends with record \(last), but record \(note.sequence)" : "lacks a checkpoint that"
            throw StorageError(
                .corrupt(what: "Run \(run)"),
                "Run \(run) \(found) was acknowledged: the database or its -wal file has been damaged or replaced. If an older copy was "
                    + "put in its place on purpose, or to go on without what is missing, stop the server and delete the -lock file.")
        }
    }

    private func lacks(_ note: AcknowledgedRecords.Note, _ run: Int64, in db: Database) throws -> Bool {
        if try lastSequence(of: run, in: db) < note.sequence { return true }
        let sql = "SELECT max(id) FROM checkpoint WHERE run = ? AND state = 'complete'"
        return try note.checkpoint > Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [run]) ?? 0
    }
}
