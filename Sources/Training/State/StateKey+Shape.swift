import SOAP

extension StateKey {
    /// The shape of this tensor in the state of a parameter of shape `shape`.
    func shape(in shape: [Int]) -> [Int] {
        switch self {
        case .expAvg, .expAvgSq: shape
        case .factor(let dimension), .basis(let dimension): [shape[dimension], shape[dimension]]
        }
    }
}
