import GRDB

extension Store {
    /// What SQLite finds wrong with the file itself: its pages, and rows that an index does not agree with.
    ///
    /// - Complexity: reads the whole file.
    public func structuralDamage() throws(StorageError) -> [String] {
        do {
            return try read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }.filter { $0 != "ok" }
        } catch {
            guard error.isCorruption else { throw error }
            return [error.message]
        }
    }
}
