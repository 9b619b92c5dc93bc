import SOAP

/// What a tensor of a state file is to its parameter.
enum StateFileKey: Hashable {
    case state(StateKey)
    /// How many steps were applied.
    case step
    /// Hosted weights.
    case weights

    /// Whether it is a factor or a basis.
    var isMatrix: Bool {
        switch self {
        case .state(.factor), .state(.basis): true
        default: false
        }
    }

    /// Splits a tensor's name, NAME.KEY. From the end, because a parameter may be called `a.Q.0`.
    static func split(_ name: String, _ layout: StateFileLayout) -> (parameter: String, key: StateFileKey)? {
        // By bytes: a dot can be part of a longer `Character`.
        let bytes = name.utf8
        var end = bytes.endIndex
        for _ in 1...2 {
            guard let dot = bytes[..<end].lastIndex(of: UInt8(ascii: ".")) else { return nil }
            let key = String(decoding: bytes[bytes.index(after: dot)...], as: UTF8.self)
            if let key = StateFileKey(key, layout) { return (String(decoding: bytes[..<dot], as: UTF8.self), key) }
            end = dot
        }
        return nil
    }

    private init?(_ text: String, _ layout: StateFileLayout) {
        switch text {
        case "weight": self = .weights
        case "exp_avg": self = .state(.expAvg)
        case "exp_avg_sq": self = .state(.expAvgSq)
        case _ where layout == .lather:
            guard let key = StateKey(name: text) else { return nil }
            self = .state(key)
        case "step": self = .step
        case "L": self = .state(.factor(0))
        case "R": self = .state(.factor(1))
        case "Q_L": self = .state(.basis(0))
        case "Q_R": self = .state(.basis(1))
        default:
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, let dimension = Int(parts[1]), dimension >= 0, String(dimension) == parts[1] else { return nil }
            switch parts[0] {
            case "GG": self = .state(.factor(dimension))
            case "Q": self = .state(.basis(dimension))
            default: return nil
            }
        }
    }
}
