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
    func findAcknowledgedRuns() throws(StorageError) {
        // Deleted ones too: ids are never used again.
        let newest = try read { try Int64.fetchOne($0, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'run'") } ?? 0
        guard let lost = keeping?.acknowledged.runs.first(where: { $0 > newest }) else { return }
        throw StorageError(
            .corrupt(what: path),
            "\(path) has no run \(lost), of which records were acknowledged: it or its -wal file has been damaged or replaced. If an "
                + "older copy was put in its place on purpose, delete the -lock file.")
    }
}
