import Storage

/// Why a run could not be brought back; other runs are not concerned.
struct RecoveryFailure: Error {
    /// To be put into a sentence.
    let reason: String
}

extension RecoveryFailure {
    static let damagedRow = RecoveryFailure(reason: "its row or its manifest is damaged; restore the database from a backup")

    /// Whether what came in the way may go away by itself: a full disk, a device that failed for once, a file that is being
    /// opened anew.
    ///
    /// - Parameter isAlone: whether no other run is being brought back, which may need more memory meanwhile than in the end.
    static func isPassing(_ error: any Error, isAlone: Bool = true) -> Bool {
        switch error {
        case let error as StorageError:
            switch error.kind {
            case .full, .io, .syncFailed, .readOnly, .busy, .cannotOpen, .lockedByAnotherServer, .other: true
            default: false
            }
        case let error as TrainingError where error.code == .outOfMemory: !isAlone
        case let error as TrainingError: [.storageFull, .storageUnavailable, .commitUnknown].contains(error.code)
        default: false
        }
    }

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
