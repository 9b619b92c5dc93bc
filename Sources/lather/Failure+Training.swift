import Training

extension Failure {
    /// A run, or a file for it, that was refused.
    init(_ error: TrainingError) {
        let code: Code =
            switch error.code {
            case .storageFull, .storageUnavailable, .commitUnknown: .inputOutput
            case .unknownRun, .runExists: .failed
            default: .unusableData
            }
        self.init(code, error.detail)
    }
}
