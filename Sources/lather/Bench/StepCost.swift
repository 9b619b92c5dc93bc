import StrictJSON
import Training

/// What the steps of a case took.
struct StepCost: Sendable {
    let measured: StepCase
    /// Whole steps, as whoever asks for them waits.
    let step: TimeSummary
    /// The mean of what the server says; nil without one.
    let phases: PhaseTimes?

    var json: JSONValue {
        [
            "workload": .string(measured.workload.rawValue), "precondition_frequency": JSONValue(measured.frequency),
            "path": .string(measured.durability == nil ? "engine" : "http"),
            "durability": measured.durability.map { .string($0.rawValue) } ?? .null,
            "steps": JSONValue(measured.count), "step_ms": step.json, "phases_ms": phases?.json ?? .null,
        ]
    }
}
