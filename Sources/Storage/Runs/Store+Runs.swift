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
            return RunRecord(
                id: id, name: name, manifest: manifest, epoch: 0, isAhead: false, unfinishedRecoveries: 0,
                createdAt: Date(timeIntervalSince1970: now))
        }
    }

    /// All runs, oldest first.
    public func runs() throws(StorageError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(db, sql: Store.selectRun + " ORDER BY run.id").map(RunRecord.init)
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
            try updateRun(id, set: "deleted = 1", in: db)
            try db.execute(sql: "UPDATE checkpoint SET state = 'dropped' WHERE run = ?", arguments: [id])
        }
        sweepOrWarn(shrinking: true)
    }

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
        try write { try updateRun(run, set: "unfinished_recoveries = ?", count, in: $0) }
    }

    func updateRun(_ id: Int64, set assignment: String, _ values: (any DatabaseValueConvertible)?..., in db: Database) throws {
        try db.cachedStatement(sql: "UPDATE run SET \(assignment) WHERE id = ? AND deleted = 0")
            .execute(arguments: StatementArguments(values) + [id])
        guard db.changesCount == 1 else { throw StorageError.noRun(id) }
    }

    /// Throws when there is no such run.
    func requireRun(_ id: Int64, in db: Database) throws -> RunRecord {
        guard let run = try run(where: "run.id = ?", id, in: db) else { throw StorageError.noRun(id) }
        return run
    }

    private func run(where condition: String, _ value: some DatabaseValueConvertible, in db: Database) throws -> RunRecord? {
        try Row.fetchOne(db, sql: Store.selectRun + " AND \(condition)", arguments: [value]).map(RunRecord.init)
    }

    private static let selectRun = "SELECT run.*, json FROM run JOIN run_manifest ON run_manifest.run = run.id WHERE deleted = 0"
}

extension RunRecord {
    fileprivate init(_ row: Row) {
        self.init(
            id: row["id"], name: row["name"], manifest: row["json"], epoch: row["epoch"], isAhead: row["is_ahead"],
            unfinishedRecoveries: row["unfinished_recoveries"],
            createdAt: Date(timeIntervalSince1970: row["created_at"]))
    }
}
