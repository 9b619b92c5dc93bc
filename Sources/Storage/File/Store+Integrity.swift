import GRDB

extension Store {
    /// What SQLite finds wrong with the file itself: its pages, and rows that an index does not agree with.
    ///
    /// - Complexity: reads the whole file.
    public func structuralDamage() throws(StorageError) -> [String] {
        do {
            return try read { db in
                let findings = try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
                if let first = findings.first, case let error = StorageError(finding: first, path: path), error.kind == .io { throw error }
                return findings
            }
        } catch {
            guard error.isCorruption else { throw error }
            return [error.message]
        }
    }
}
