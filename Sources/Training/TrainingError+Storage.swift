import Storage

extension TrainingError {
    /// The database refused; the run has been left as it was.
    init(_ error: StorageError) {
        switch error.kind {
        case .full:
            self.init(.storageFull, "The disk is full: \(error.message) The step was not taken; send it again when there is room.")
        case .syncFailed:
            self.init(.commitUnknown, "It is not known whether the step reached the disk: \(error.message) Send the same request again.")
        default:
            self.init(.storageUnavailable, "The database cannot be written: \(error.message)")
        }
    }
}
