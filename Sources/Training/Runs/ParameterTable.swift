import Safetensors

/// A run's parameters in the order of their registration and by name, with the totals that every step asks for: a run may
/// have ten thousand parameters, and a step of one of them must not look at them all.
struct ParameterTable {
    private(set) var all: [TrainedParameter] = []
    private(set) var byName: [TensorName: TrainedParameter] = [:]
    /// Bytes of the state of all parameters.
    private(set) var stateByteCount = 0
    /// The smallest of the parameters' own step numbers; 0 without parameters.
    private(set) var smallestNumber = 0
    private var countAtSmallest = 0

    /// Whether the server keeps the weights. All parameters have theirs here or none has: weights are put for all at
    /// once, and from then on a step registers no new parameter.
    var hostsWeights: Bool { all.first?.weights != nil }

    mutating func add(_ parameter: TrainedParameter) {
        if all.isEmpty || parameter.lastNumber < smallestNumber {
            smallestNumber = parameter.lastNumber
            countAtSmallest = 0
        }
        if parameter.lastNumber == smallestNumber { countAtSmallest += 1 }
        all.append(parameter)
        byName[parameter.name] = parameter
        stateByteCount += parameter.stateByteCount
    }

    /// Notes that a parameter took its step `number`, one more than its last.
    ///
    /// - Complexity: O(1), except when the last parameter leaves the smallest number.
    mutating func advance(_ parameter: TrainedParameter, to number: Int) {
        if parameter.lastNumber == smallestNumber { countAtSmallest -= 1 }
        parameter.lastNumber = number
        guard countAtSmallest == 0 else { return }
        smallestNumber = all.reduce(number) { min($0, $1.lastNumber) }
        countAtSmallest = all.count { $0.lastNumber == smallestNumber }
    }
}
