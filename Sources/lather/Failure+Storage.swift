import Storage

extension Failure {
    /// A database that cannot be used.
    init(_ error: StorageError, database: String) {
        let code: Code =
            switch error.kind {
            case .notADatabase, .foreignDatabase, .newerSchema, .corrupt: .unusableData
            default: .inputOutput
            }
        self.init(code, "the database \(database) cannot be used: \(error.message)")
    }
}
