import Foundation
import GRDB

extension Store {
    /// Creates a run in epoch 0.
    ///
    /// - Parameters:
    ///   - name: compared byte by byte: case and Unicode normalisation make a difference.
    ///   - manifest: JSON text.
    /// - Throws: ``StorageError/Kind/nameTaken``.
    public func createRun(name: String, manifest: String) throws(StorageError) -> RunRecord {
        try write { db in
            guard try run(where: "name = ?", name, in: db) == nil else {
                throw StorageError(.nameTaken, "A run with the name \(name) exists.")
            }
            let now = Date().timeIntervalSince1970
            try db.execute(sql: "INSERT INTO run (name, created_at) VALUES (?, ?)", arguments: [name, now])
            let id = db.lastInsertedRowID
            try db.execute(sql: "INSERT INTO run_manifest (run, json) VALUES (?, ?)", arguments: [id, manifest])
            try sign(id, in: db)
            return RunRecord(
                id: id, name: name, manifest: manifest, epoch: 0, isAhead: false, unfinishedRecoveries: 0,
                createdAt: Date(timeIntervalSince1970: now), isRight: true)
        }
    }

    /// All runs, oldest first, damaged ones among them.
    public func runs() throws(StorageError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(db, sql: Store.selectRun + " WHERE deleted = 0 ORDER BY run.id").map(RunRecord.init)
        }
    }

    /// The run of this name, or nil.
    public func run(named name: String) throws(StorageError) -> RunRecord? {
        try read { try run(where: "name = ?", name, in: $0) }
    }

    /// The run with this id, or nil.
    public func run(_ id: Int64) throws(StorageError) -> RunRecord? {
        try read { try run(where: "run.id = ?", id, in: $0) }
    }

    /// Deletes a run with its log and its checkpoints. The name is free as soon as the first small transaction is done;
    /// the rows go in pieces, between which other calls get their turn. A crash in between is made up for at the next start.
    public func deleteRun(_ id: Int64) throws(StorageError) {
        try write { db in
            try db.execute(sql: "UPDATE run SET deleted = 1 WHERE id = ? AND deleted = 0", arguments: [id])
            guard db.changesCount == 1 else { throw StorageError.noRun(id) }
            try sign(id, in: db)
            try db.execute(sql: "UPDATE checkpoint SET state = 'dropped' WHERE run = ?", arguments: [id])
        }
        sweepOrWarn(shrinking: true)
    }

    /// Raises a run's epoch because it stands at an earlier step again.
    public func setEpoch(_ epoch: Int, of run: Int64) throws(StorageError) {
        try write { try updateRun(run, set: "epoch = ?", epoch, in: $0) }
    }

    /// Notes that steps may have been answered that neither log nor checkpoint holds, so that a restart can tell that it
    /// lost some.
    ///
    /// - Parameter mark: larger than any before, so that a checkpoint of an earlier moment, completed later, leaves it; 0 says
    ///   that there are no such steps.
    public func markAhead(_ mark: Int, of run: Int64) throws(StorageError) {
        try write { try updateRun(run, set: "is_ahead = ?", mark, in: $0) }
    }

    /// Notes before a run is brought back that this has begun once more, and 0 after it, so that a start can tell which run
    /// ended the process.
    public func setUnfinishedRecoveries(_ count: Int, of run: Int64) throws(StorageError) {
        try write { db in
            try db.execute(sql: "UPDATE run SET unfinished_recoveries = ? WHERE id = ? AND deleted = 0", arguments: [count, run])
            guard db.changesCount == 1 else { throw StorageError.noRun(run) }
        }
    }

    /// Changes a run's row and gives it the digest of what it says then.
    ///
    /// - Throws: ``StorageError/Kind/corrupt(what:)`` when the row is damaged: a new digest would hide that.
    func updateRun(_ id: Int64, set assignment: String, _ values: (any DatabaseValueConvertible)?..., in db: Database) throws {
        guard try requireRun(id, in: db).isRight else { throw StorageError.corrupt("Run \(id)", "does not have the row that was written") }
        try db.cachedStatement(sql: "UPDATE run SET \(assignment) WHERE id = ?").execute(arguments: StatementArguments(values) + [id])
        try sign(id, in: db)
    }

    private func sign(_ run: Int64, in db: Database) throws {
        try db.cachedStatement(sql: Schema.signRuns + " WHERE id = ?").execute(arguments: [run])
    }

    /// Throws when there is no such run.
    func requireRun(_ id: Int64, in db: Database) throws -> RunRecord {
        guard let run = try run(where: "run.id = ?", id, in: db) else { throw StorageError.noRun(id) }
        return run
    }

    private func run(where condition: String, _ value: some DatabaseValueConvertible, in db: Database) throws -> RunRecord? {
        try Row.fetchOne(
            db.cachedStatement(sql: Store.selectRun + " WHERE deleted = 0 AND \(condition)"), arguments: [value]
        ).map(RunRecord.init)
    }

    static let selectRun = "SELECT run.*, json FROM run LEFT JOIN run_manifest ON run_manifest.run = run.id"
}

extension RunRecord {
    /// What a damaged row does not have is empty here.
    fileprivate init(_ row: Row) {
        func value<Value: DatabaseValueConvertible>(_ column: String, or empty: Value) -> Value {
            Value.fromDatabaseValue(row[column]) ?? empty
        }
        self.init(
            id: value("id", or: 0), name: value("name", or: ""), manifest: value("json", or: ""), epoch: value("epoch", or: 0),
            isAhead: value("is_ahead", or: false), unfinishedRecoveries: value("unfinished_recoveries", or: 0),
            createdAt: Date(timeIntervalSince1970: value("created_at", or: 0)), isRight: RowDigest.isRight(row, Schema.runColumns))
    }
}
