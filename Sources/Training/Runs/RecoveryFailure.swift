/// Why a run could not be brought back; other runs are not concerned.
struct RecoveryFailure: Error {
    let reason: String
}
