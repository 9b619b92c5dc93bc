/// What became of a matrix that was to be replaced by the Q of its QR factorisation.
public enum Orthogonalization: Sendable {
    /// There is no Q that is finite.
    case failed
    /// It is.
    case made
    /// It is, and there is W = Q₀ᵀ·Q as well.
    case turned
}
