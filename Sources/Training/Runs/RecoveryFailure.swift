import Storage

/// Why a run could not be brought back; other runs are not concerned.
struct RecoveryFailure: Error {
    /// To be put into a sentence.
    let reason: String
}

extension RecoveryFailure {
    /// Whatever came in the way.
    init(_ error: any Error) {
        let text =
            switch error {
            case let error as RecoveryFailure: error.reason
            case let error as TrainingError: error.detail
            case let error as StorageError: error.message
            default: "\(error)"
            }
        reason = text.hasSuffix(".") ? String(text.dropLast()) : text
    }
}
