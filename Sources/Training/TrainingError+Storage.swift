import Storage

extension TrainingError {
    /// The database refused; the run has been left as it was.
    init(_ error: StorageError) {
        switch error.kind {
        case .full:
            self.init(.storageFull, "\(error.message) Nothing was changed; send the same request again then.")
        case .syncFailed:
            self.init(
                .commitUnknown, "It is not known whether the change reached the disk: \(error.message) Send the same request again.")
        case .corrupt, .notFound:
            self.init(.storageDamaged, error.message)
        default:
            self.init(.storageUnavailable, "The database cannot be used now: \(error.message)")
        }
    }
}
