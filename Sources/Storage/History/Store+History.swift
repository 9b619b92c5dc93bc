import Foundation
import GRDB

/// What is noted of steps for plots.
///
/// DESIGN. Nothing is computed with it and nothing waits for it: rows are written some at a time and are durable with whatever
/// is made durable next. What a crash takes of them the log makes again. No transaction that a run needs has a part here, so that
/// damage to these pages refuses nothing. Rows of steps that a run does not have any more may therefore be there for a while:
/// each has its epoch, and whoever writes says under which, so that they are known and none comes back.
extension Store {
    /// Writes rows in place of all that begin at one of their steps, in one short transaction that waits for no sync.
    ///
    /// - Parameter epoch: in which the run is, as the caller knows it.
    /// - Throws: ``StorageError/Kind/conflict`` when it is in another, ``StorageError/Kind/notFound`` when there is no such run;
    ///   nothing is written then.
    /// - Complexity: about 5 µs a row.
    public func writeHistory(_ rows: [HistoryRow], of run: Int64, epoch: Int) throws(StorageError) {
        _ = try writeSoon { db in
            let present = try db.cachedStatement(sql: "SELECT epoch FROM run WHERE id = ? AND deleted = 0")
            guard let present = try Int.fetchOne(present, arguments: [run]) else { throw StorageError.noRun(run) }
            guard present == epoch else { throw StorageError(.conflict, "Run \(run) is in another epoch than its history.") }
            let delete = try db.cachedStatement(sql: "DELETE FROM history WHERE run = ? AND first_step BETWEEN ? AND ?")
            let insert = try db.cachedStatement(sql: Store.insertHistory)
            for row in rows {
                try delete.execute(arguments: [run, row.firstStep, row.lastStep])
                let values: [any DatabaseValueConvertible] = [run, row.firstStep, row.lastStep, row.epoch, Data(row.point)]
                let columns = values.map(\.databaseValue)
                try insert.execute(arguments: StatementArguments(columns + [Data(RowDigest.compute(columns)).databaseValue]))
            }
        }
        noteWritten(rows.reduce(0) { $0 + $1.point.count })
    }

    /// The history of a run, oldest first, without rows that are not what was written.
    ///
    /// - Returns: the rows, and how many are damaged.
    public func history(of run: Int64) throws(StorageError) -> (rows: [HistoryRow], damaged: Int) {
        // Versions before 3 kept none.
        guard schemaVersion > 2 else { return ([], 0) }
        return try read { db in
            let sql = "SELECT * FROM history WHERE run = ? ORDER BY first_step"
            let rows = try Row.fetchAll(db, sql: sql, arguments: [run])
            let right = rows.filter { RowDigest.isRight($0, Schema.historyColumns) }
            return (try right.map { try HistoryRow($0) }, rows.count - right.count)
        }
    }

    /// Removes what was noted of steps after one before an epoch, in which the run stands there again. Waits for no sync.
    public func discardHistory(of run: Int64, after step: Int, before epoch: Int) throws(StorageError) {
        _ = try writeSoon { db in
            let sql = "DELETE FROM history WHERE run = ? AND last_step > ? AND epoch < ?"
            try db.execute(sql: sql, arguments: [run, step, epoch])
        }
    }

    private static let insertHistory = """
        INSERT INTO history (\(Schema.historyColumns.joined(separator: ", ")), digest)
        VALUES (\(Schema.historyColumns.map { _ in "?" }.joined(separator: ", ")), ?)
        """
}

extension HistoryRow {
    /// - Throws: when a value is of another type than was written.
    fileprivate init(_ row: Row) throws {
        self.init(
            firstStep: try row.decode(forColumn: "first_step"), lastStep: try row.decode(forColumn: "last_step"),
            epoch: try row.decode(forColumn: "epoch"), point: [UInt8](try row.decode(Data.self, forColumn: "point")))
    }
}
