/// The name of one tensor of a parameter's state.
public enum StateKey: Hashable, Sendable {
    /// `exp_avg`: the first moment, in the eigenbases once they exist; the parameter's shape.
    case expAvg
    /// `exp_avg_sq`: the second moment, likewise.
    case expAvgSq
    /// `factor.D`: the Kronecker factor of dimension D, n×n.
    case factor(Int)
    /// `basis.D`: the eigenbasis of dimension D, n×n, an eigenvector a column.
    case basis(Int)

    /// The name in state files and in resources.
    public var name: String {
        switch self {
        case .expAvg: "exp_avg"
        case .expAvgSq: "exp_avg_sq"
        case .factor(let dimension): "factor.\(dimension)"
        case .basis(let dimension): "basis.\(dimension)"
        }
    }

    /// The shape of this tensor in the state of a parameter.
    ///
    /// - Parameter shape: the parameter's, with the dimension that the key names.
    public func shape(in shape: [Int]) -> [Int] {
        switch self {
        case .expAvg, .expAvgSq: shape
        case .factor(let dimension), .basis(let dimension): [shape[dimension], shape[dimension]]
        }
    }

    /// The key of a name, or nil if it is none; a dimension is written in plain decimal digits.
    public init?(name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("exp_avg", 1): self = .expAvg
        case ("exp_avg_sq", 1): self = .expAvgSq
        case ("factor", 2), ("basis", 2):
            guard let dimension = Int(parts[1]), dimension >= 0, String(dimension) == parts[1] else { return nil }
            self = parts[0] == "factor" ? .factor(dimension) : .basis(dimension)
        default: return nil
        }
    }
}
