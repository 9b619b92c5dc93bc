import LinearAlgebra
import Safetensors
import StrictJSON
import Testing

@testable import SOAP
@testable import Training

/// A decomposition that fails is no failed step: it is shown.
struct FailedDecompositionTests {
    private let manifest = #"{"optimizer": {"lr": 0.1, "use_eigh": true}, "parameters": [{"name": "w", "shape": [2, 2]}]}"#
    private let gradient = [Sent("w", [2, 2], [1, 2, 3, 5])]

    @Test func theParametersPageSaysThatTheOldBasisStayed() async throws {
        let run = try await House().make("run", manifest)
        try await run.put(1, gradient)
        var page = try await run.parameterDescription("w")
        #expect(page["kept_old_basis"] == false && page["double_fallbacks"] == 0)

        await run.setFactor([.nan, .nan, .nan, .nan])
        try await run.put(2, gradient)
        page = try await run.parameterDescription("w")
        #expect(page["kept_old_basis"] == true && page["double_fallbacks"] == 0)
        #expect(page["step"] == 2)
    }

    @Test func thePageSaysSoUntilARefreshSucceedsAndAfterARestart() async throws {
        let house = try await House()
        var run = try await house.make("run", manifest.replacing("true}", with: "true, \"precondition_frequency\": 2}"))
        func keepsOldBasis() async throws -> JSONValue? { try await run.parameterDescription("w")["kept_old_basis"] }
        for k in 1...2 { try await run.put(k, gradient) }
        await run.setFactor([.nan, .nan, .nan, .nan])
        try await run.put(3, gradient)
        #expect(try await keepsOldBasis() == true)
        // No refresh is due at this step, and the old basis is still in use.
        try await run.put(4, gradient)
        #expect(try await keepsOldBasis() == true)
        await run.setFactor([2, 1, 1, 2])
        try await house.restart()
        run = try house.run()
        #expect(try await keepsOldBasis() == true)
        try await run.put(5, gradient)
        #expect(try await keepsOldBasis() == false)
    }

    @Test func theParametersPageCountsWhatWasDoneInDouble() async throws {
        let run = try await House().make("run", manifest)
        try await run.put(1, gradient)
        // Next to such a diagonal the other elements leave single precision when they are scaled.
        await run.setFactor([1e-30, 1e9, 1e9, 1e-30])
        try await run.put(2, [Sent("w", [2, 2], [0, 0, 0, 0])])
        let page = try await run.parameterDescription("w")
        #expect(page["kept_old_basis"] == false && page["double_fallbacks"] == 1)
    }
}

extension Run {
    /// Puts a factor into the first parameter's state that no gradients lead to.
    fileprivate func setFactor(_ elements: [Float]) {
        _ = parameters.all.first?.state.buffer(of: .factor(0))?.mutableElements.update(fromContentsOf: elements)
    }
}
