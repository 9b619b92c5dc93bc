import LinearAlgebra

/// What became of one basis in a refresh.
enum BasisOutcome: Equatable {
    /// It diagonalises its factor well enough and stays.
    case kept
    /// There is a new one.
    case made
    /// There is a new one, from a decomposition in double precision after single precision failed.
    case madeInDouble
    /// There is none; the old one stays.
    case failed

    init(_ outcome: DecompositionOutcome) {
        switch outcome {
        case .done: self = .made
        case .doneInDouble: self = .madeInDouble
        case .failed: self = .failed
        }
    }
}
