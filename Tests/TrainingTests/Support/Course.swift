import Safetensors
import Testing

@testable import Training

/// A way for a run to go, step by step: what two runs that must not differ both do.
struct Course: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let manifest: String
    /// What happens before step `k`; 0 is when the run is made.
    var before: @Sendable (Run, Int) async throws -> Void = { _, _ in }
    let step: @Sendable (Run, Int) async throws -> StepAnswer

    /// Two parameters, one at half the other's pace.
    static let parameterLevel = Course(
        testDescription: "parameter level",
        manifest: #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [4, 3]}, {"name": "b", "shape": [3]}]}"#
    ) { run, k in
        if k % 2 == 0 { try await run.put(k / 2, of: "b", bytes(of: noise(3, k))) }
        return try await run.put(k, of: "w", bytes(of: noise(12, k)))
    }
}
