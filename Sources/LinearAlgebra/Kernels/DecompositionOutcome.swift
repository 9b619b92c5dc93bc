/// How a decomposition ended.
public enum DecompositionOutcome: Sendable, Equatable {
    /// In the precision of the data.
    case done
    /// It failed in single precision and succeeded in double precision.
    case doneInDouble
    /// It failed in double precision as well, or gave values that are not finite. The result is not to be used.
    case failed
}
