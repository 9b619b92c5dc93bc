import Foundation
import StrictJSON

/// The phases of a step as the server says in `Server-Timing`, in milliseconds.
struct PhaseTimes: Sendable {
    var receive = 0.0
    var compute = 0.0
    var commit = 0.0

    /// Their names, in order.
    static let names = ["receive", "compute", "commit"]

    init() {}

    /// Reads the field's value; nil unless it names just these phases, each with its duration.
    init?(serverTiming: String) {
        var durations: [String: Double] = [:]
        for phase in serverTiming.split(separator: ", ") {
            let parts = phase.components(separatedBy: ";dur=")
            guard parts.count == 2, let duration = Double(parts[1]) else { return nil }
            durations[parts[0]] = duration
        }
        guard durations.count == 3, let receive = durations["receive"], let compute = durations["compute"],
            let commit = durations["commit"]
        else { return nil }
        (self.receive, self.compute, self.commit) = (receive, compute, commit)
    }

    /// The mean of some steps'; at least one.
    init(meanOf steps: [PhaseTimes]) {
        func mean(_ phase: KeyPath<PhaseTimes, Double>) -> Double {
            steps.reduce(0) { $0 + $1[keyPath: phase] } / Double(steps.count)
        }
        (receive, compute, commit) = (mean(\.receive), mean(\.compute), mean(\.commit))
    }

    var json: JSONValue {
        ["receive": .milliseconds(receive), "compute": .milliseconds(compute), "commit": .milliseconds(commit)]
    }
}
