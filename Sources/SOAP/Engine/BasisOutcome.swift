import LinearAlgebra

/// What became of one basis in a refresh.
enum BasisOutcome: Equatable {
    /// It diagonalises its factor well enough and stays.
    case kept
    /// There is a new one.
    case made
    /// There is a new one, and what the old one is to be multiplied by to become it.
    case turned
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

    init(_ outcome: Orthogonalization) {
        switch outcome {
        case .made: self = .made
        case .turned: self = .turned
        case .failed: self = .failed
        }
    }

    /// Whether there is a new one.
    var isMade: Bool { self == .made || self == .turned || self == .madeInDouble }
}
