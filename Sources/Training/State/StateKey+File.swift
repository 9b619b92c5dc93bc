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
}
