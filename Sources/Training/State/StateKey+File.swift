import SOAP

extension StateKey {
    /// What a file calls this tensor, after its parameter's name and a dot.
    func name(in layout: StateFileLayout) -> String {
        switch self {
        case .factor(let dimension) where layout != .lather: "GG.\(dimension)"
        case .basis(let dimension) where layout != .lather: "Q.\(dimension)"
        default: name
        }
    }

    /// The shape of this tensor in the state of a parameter of shape `shape`.
    func shape(in shape: [Int]) -> [Int] {
        switch self {
        case .expAvg, .expAvgSq: shape
        case .factor(let dimension), .basis(let dimension): [shape[dimension], shape[dimension]]
        }
    }
}
