import GRDB
import Logging

/// Removing the rows of what has been dropped; see the rules in ``Schema``.
extension Store {
    /// Bytes and rows that one transaction deletes at most (beyond its first owner): some milliseconds, or some tens
    /// when the blobs lie scattered and have to be read.
    private static let pieceBytes = 128 << 20
    private static let pieceOwners = 1000
    /// Pages that one transaction gives back to the system; each may have to be moved first. 16 MiB, 15 ms.
    private static let piecePages = 256
    /// Free pages that are kept for what is written next, beyond as many as are in use.
    private static let sparePages = 1024

    /// Marks checkpoints that a crash left unfinished. Only at the start, when nobody is writing one.
    func dropUnfinishedCheckpoints() throws(StorageError) {
        do {
            guard try read({ try Int.fetchOne($0, sql: "SELECT count(*) FROM checkpoint WHERE state = 'writing'") != 0 }) else { return }
            try write { try $0.execute(sql: Store.dropUnfinished) }
        } catch {
            // Neither a damaged row of one run nor a full disk nor who holds the database for a while must keep the others from being
            // served; what is unfinished counts for nobody.
            guard error.isCorruption || error.kind == .full || error.kind == .busy else { throw error }
            logger.warning("Unfinished checkpoints stay in the database for now.", metadata: ["reason": "\(error)"])
        }
    }

    static let dropUnfinished = "UPDATE checkpoint SET state = 'dropped' WHERE state = 'writing'"

    /// Sweeps after a change that has already succeeded: a failure only postpones the work to the next sweep.
    ///
    /// Freed pages serve what is written next. After a checkpoint that is the log, which soon needs what it has just
    /// freed, and moving pages would be wasted. Only a deletion that somebody asked for shrinks the file.
    func sweepOrWarn(shrinking: Bool = false) {
        do {
            try sweep()
            if shrinking { while try write(giveBackPages) {} }
        } catch {
            logger.warning("Dropped rows stay in the database for now.", metadata: ["reason": "\(error)"])
        }
    }

    /// Deletes everything that is dropped, in pieces.
    private func sweep() throws(StorageError) {
        while try write({ try deletePiece(.prunedLog, in: $0) }) {}
        while try write({ try deletePiece(.droppedTensors(but: kept.ids), in: $0) }) {}
        try write { try $0.execute(sql: Store.deleteEmptyOwners) }
    }

    /// Rows that own parts and can be deleted.
    private struct Garbage {
        let parts: PartTable
        /// Key columns as the part table knows them, and the size.
        let select: String
        let delete: String

        static let prunedLog = Garbage(
            parts: .log,
            select: """
                SELECT run, sequence, byte_count FROM run CROSS JOIN log_entry ON log_entry.run = run.id
                WHERE sequence <= iif(deleted, \(Int64.max), kept_after)
                """,
            delete: "DELETE FROM log_entry WHERE run = ? AND sequence = ?")

        /// - Parameter kept: checkpoints that somebody still reads.
        static func droppedTensors(but kept: [Int64]) -> Garbage {
            Garbage(
                parts: .tensor,
                select: """
                    SELECT tensor.id, tensor.byte_count FROM checkpoint CROSS JOIN tensor ON tensor.checkpoint = checkpoint.id
                    WHERE state = 'dropped' AND checkpoint.id NOT IN (\(kept.map(String.init).joined(separator: ", ")))
                    """,
                delete: "DELETE FROM tensor WHERE id = ?")
        }
    }

    /// What has rows left, because another thread has dropped it since, is left to that thread's sweep.
    private static let deleteEmptyOwners = """
        DELETE FROM checkpoint
        WHERE state = 'dropped' AND NOT EXISTS (SELECT 1 FROM tensor WHERE checkpoint = checkpoint.id);
        DELETE FROM history WHERE run IN (SELECT id FROM run WHERE deleted);
        DELETE FROM run_manifest
        WHERE run IN (SELECT id FROM run WHERE deleted)
            AND NOT EXISTS (SELECT 1 FROM log_entry WHERE run = run_manifest.run)
            AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE run = run_manifest.run);
        DELETE FROM run WHERE deleted AND NOT EXISTS (SELECT 1 FROM run_manifest WHERE run = run.id);
        """

    /// Deletes some owners with their parts; false when there was none.
    private func deletePiece(_ garbage: Garbage, in db: Database) throws -> Bool {
        let rows = try Row.fetchAll(db, sql: garbage.select + " LIMIT \(Store.pieceOwners)")
        var bytes = 0
        for row in rows where bytes < Store.pieceBytes {
            let values = row.databaseValues.compactMap { Int64.fromDatabaseValue($0) }
            try garbage.parts.delete(key: values.dropLast(), in: db)
            try db.cachedStatement(sql: garbage.delete).execute(arguments: StatementArguments(values.dropLast()))
            bytes += Int(values.last ?? 0)
        }
        if !rows.isEmpty { KillPoint.reach(.inPruning) }
        return !rows.isEmpty
    }

    /// Gives some pages back while more are free than in use; false when that is not so.
    private func giveBackPages(_ db: Database) throws -> Bool {
        let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
        guard free > pages - free + Store.sparePages else { return false }
        try db.execute(sql: "PRAGMA incremental_vacuum(\(Store.piecePages))")
        noteWritten(16 << 20)
        return true
    }
}
