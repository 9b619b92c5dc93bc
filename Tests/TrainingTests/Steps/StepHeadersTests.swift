import Safetensors
import Testing

@testable import Training

/// A header that came before is not read again, and nobody can tell.
struct StepHeadersTests {
    private static let open = #"{"optimizer": {"lr": 0.01}}"#

    private func tensors(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed), .gradient("b", [3], seed)] }

    @Test func answersAreThoseOfARunThatReadsEveryHeader() async throws {
        let (run, other) = (try await House().make("run", Self.open), try await House().make("run", Self.open))
        // The same header twice, in another order, with learning rates, of fewer parameters, and as at first.
        let steps: [(tensors: [Sent], metadata: [(key: String, value: String)])] = [
            (tensors(1), []), (tensors(2), []), (tensors(3).reversed(), []), (tensors(4), [("lr", "0.02")]), (tensors(5), [("lr", "0.03")]),
            (tensors(6), [("lr", "0.03")]), ([tensors(7)[1]], []), (tensors(8), []), (tensors(9), []),
        ]
        for (index, step) in steps.enumerated() {
            let answer = try await run.put(index + 1, step.tensors, metadata: step.metadata)
            await other.forgetHeaders()
            let expected = try await other.put(index + 1, step.tensors, metadata: step.metadata)
            #expect(try Answered(answer).raw == Answered(expected).raw, "step \(index + 1)")
            #expect(try Answered(answer).names == Set(step.tensors.map(\.name)))
        }
        #expect(try await run.snapshot().tensors == other.snapshot().tensors)
    }

    @Test func aWeightScaleThatChangesIsAnswered() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01, "weight_decay": 0.5}}"#)
        let first = try Answered(try await run.put(1, tensors(1)))
        let second = try Answered(try await run.put(2, tensors(2)) { $0.learningRate = 0.1 })
        #expect(first.weightScale == #"{"w":0.995,"b":0.995}"# && second.weightScale == #"{"w":0.95,"b":0.95}"#)
    }

    /// Metadata may be megabytes, which no budget of memory counts.
    @Test func aHeaderThatIsLongForItsTensorsIsNotKept() async throws {
        let run = try await House().make("run", Self.open)
        try await run.put(1, tensors(1))
        #expect(await run.headers.body != nil)
        try await run.put(2, tensors(2), metadata: [("note", String(repeating: "x", count: 1 << 20))])
        #expect(await run.headers.body == nil)
        try await run.put(3, tensors(3))
        #expect(await run.headers.body != nil)
        await run.empty()
        let headers = await run.headers
        #expect(headers.body == nil && headers.answer == nil)
    }
}

/// The names of a step that is skipped need not be those of parameters, which a budget counts.
extension StepHeadersTests {
    @Test func nothingIsKeptOfASkippedStep() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"on_nonfinite": "skip"}}"#)
        try await run.put(1, [Sent("w", [2], [.nan, 1])])
        #expect(await run.headers.body == nil && run.status.parameterCount == 0)
    }
}

extension Run {
    fileprivate func forgetHeaders() { headers = StepHeaders() }
}
