import SOAP
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
    /// Whether the refresh phases are those of these parameters with these options.
    private var hasPhases = false

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
        hasPhases = false
    }

    /// Takes the options of a patched manifest.
    mutating func adopt(_ manifest: Manifest) {
        for parameter in all { parameter.adopt(manifest) }
        hasPhases = false
    }

    /// Gives each parameter its place among the refreshes of all (`stagger_refresh`).
    ///
    /// In the order of their names, and from nothing but names, shapes and options: so whatever brings the same parameters
    /// together, in whatever order they came (the log, a checkpoint, a state file, another server), refreshes them at the same
    /// steps. A new parameter or other options move the places, from the next step on.
    ///
    /// - Complexity: O(1), and O(n log n) after parameters came or options changed.
    mutating func settlePhases() {
        guard !hasPhases else { return }
        let sorted = all.sorted { $0.name.description.utf8.lexicographicallyPrecedes($1.name.description.utf8) }
        let phases = SOAPParameter<Float>.refreshPhases(of: sorted.map { ($0.shape, $0.settings.options) })
        for (parameter, phase) in zip(sorted, phases) { parameter.state.refreshPhase = phase }
        hasPhases = true
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
