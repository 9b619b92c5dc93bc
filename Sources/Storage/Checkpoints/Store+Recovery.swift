import GRDB

/// Beginning again, also when the newest checkpoint is damaged.
///
/// DESIGN. For everyone the log begins after the newest checkpoint (`pruned_through`). Its rows are kept back to the checkpoint
/// before that one (`kept_from`, 0 for the run's beginning; the rows after `kept_after`), in reserve: from there the log leads
/// to the present too, so a newest checkpoint that cannot be read loses nothing. There is no reserve, and `kept_from` is the
/// newest checkpoint itself, where the log does not tell all that happened in between (after steps that were not logged, after
/// a restore) and where no other checkpoint is kept. So the log on disk is that of two checkpoints at most.
extension Store {
    /// Where a recovery can begin, best first: usually the newest checkpoint, then the one before it.
    ///
    /// - Throws: ``StorageError/Kind/notFound`` without such a run.
    public func recoveryPoints(of run: Int64) throws(StorageError) -> [RecoveryPoint] {
        let (prunedThrough, keptFrom, ids) = try read { db in
            let sql = "SELECT pruned_through, kept_from FROM run WHERE id = ? AND deleted = 0"
            guard let row = try Row.fetchOne(db, sql: sql, arguments: [run]) else { throw StorageError.noRun(run) }
            let prunedThrough = try row.decode(Int64.self, forColumn: "pruned_through")
            let keptFrom = try row.decode(Int64.self, forColumn: "kept_from")
            let ids = try Int64.fetchAll(
                db, sql: "SELECT id FROM checkpoint WHERE run = ? AND id >= ? ORDER BY id DESC", arguments: [run, keptFrom])
            return (prunedThrough, keptFrom, ids)
        }
        // Each by itself, and its state is judged later: a row that cannot be read must not hide the others.
        var points = ids.compactMap(recoveryPoint)
        if keptFrom == 0 { points.append(.beginning) }
        if let first = points.first?.sequence, first < prunedThrough {
            points.insert(.damaged(.corrupt("The newest checkpoint of run \(run)", "is missing")), at: 0)
        }
        return points
    }

    /// Makes a run begin at an earlier point from now on, with the log in reserve: the checkpoints after it, which are damaged,
    /// are dropped.
    ///
    /// - Parameter point: a point of ``recoveryPoints(of:)`` that is whole.
    public func fallBack(to point: RecoveryPoint, of run: Int64) throws(StorageError) {
        guard let sequence = point.sequence else { throw StorageError(.other, "Run \(run) cannot begin at a damaged checkpoint.") }
        try write { db in
            try db.execute(sql: "UPDATE checkpoint SET state = 'dropped' WHERE run = ? AND id > ?", arguments: [run, point.id])
            try updateRun(run, set: "pruned_through = ?", sequence, in: db)
        }
        sweepOrWarn()
    }

    /// The checkpoint from which the log leads on to the one that is about to be completed; 0 is the run's beginning, nil is none.
    func predecessor(in run: Int64, _ lineage: CheckpointWriter.Lineage, in db: Database) throws -> Int64? {
        guard case .continued = lineage, try !requireRun(run, in: db).isAhead else { return nil }
        return try Int64.fetchOne(db, sql: "SELECT max(id) FROM checkpoint WHERE run = ? AND state = 'complete'", arguments: [run]) ?? 0
    }

    /// Keeps the log after `predecessor` in reserve if that is still there when `newest` has been completed.
    func keepReserve(from predecessor: Int64?, behind newest: CheckpointRecord, of run: Int64, in db: Database) throws {
        var (from, after) = (newest.id, newest.header.sequence)
        if predecessor == 0 {
            (from, after) = (0, 0)
        } else if let predecessor, let kept = try checkpoint(predecessor, in: db) {
            (from, after) = (kept.id, kept.header.sequence)
        }
        try updateRun(run, set: "kept_from = ?, kept_after = ?", from, after, in: db)
    }

    /// Nil for a checkpoint that does not count: one that is being written, or has been dropped.
    private func recoveryPoint(_ id: Int64) -> RecoveryPoint? {
        do throws(StorageError) {
            return try read { db in
                guard let row = try Row.fetchOne(db, sql: "SELECT * FROM checkpoint WHERE id = ?", arguments: [id]) else {
                    throw StorageError.corrupt("Checkpoint \(id)", "is not in its table")
                }
                switch String.fromDatabaseValue(row["state"]) {
                case "complete": return .checkpoint(try CheckpointRecord(row))
                case "writing", "dropped": return nil
                default: throw StorageError.corrupt("Checkpoint \(id)", "is in no state that there is")
                }
            }
        } catch {
            return .damaged(StorageError(error.kind, "Checkpoint \(id) cannot be read: \(error.message)"))
        }
    }
}

extension RecoveryPoint {
    /// The last record of the log that it contains; nil where nothing is known.
    public var sequence: Int64? {
        switch self {
        case .beginning: 0
        case .checkpoint(let record): record.header.sequence
        case .damaged: nil
        }
    }

    fileprivate var id: Int64 {
        if case .checkpoint(let record) = self { record.id } else { 0 }
    }
}
