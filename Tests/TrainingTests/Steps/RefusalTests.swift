import Memory
import Safetensors
import StrictJSON
import Testing

@testable import Training

/// Rule 6: a refused step leaves everything as it was, bit for bit, in memory and on disk.
struct RefusalTests {
    private let manifest = #"{"optimizer": {"lr": 0.01}, "groups": {"g": {}}}"#

    private struct Refused: Sendable {
        let code: TrainingError.Code
        let why: String
        var tensors: [Sent] = []
        var metadata: [(key: String, value: String)] = []
        var inputs: @Sendable (inout StepInputs) -> Void = { _ in }
    }

    private static let good = Sent.gradient("w", [4, 3], 7)

    private static let refused: [Refused] = [
        Refused(code: .wrongShape, why: "shape", tensors: [good, Sent("b", [4], [1, 2, 3, 4])]),
        Refused(code: .wrongShape, why: "empty", tensors: [good, Sent("new", [0], [])]),
        Refused(code: .wrongDType, why: "integers", tensors: [good, Sent("b", [3], .i32, bytes: bytes(of: [1, 2, 3] as [Int32]))]),
        Refused(code: .nonFiniteGradient, why: "NaN", tensors: [good, Sent("b", [3], [1, .nan, 3])]),
        Refused(code: .nonFiniteGradient, why: "infinity", tensors: [good, Sent("b", [3], [-.infinity, .nan, 3])]),
        Refused(code: .nonFiniteGradient, why: "beyond F32", tensors: [good, Sent("b", [3], .f64, bytes: bytes(of: [1e39, 0, 0]))]),
        Refused(code: .nonFiniteGradient, why: "its square is beyond F32", tensors: [good, Sent("b", [3], [1e20, 0, 0])]),
        Refused(code: .nonFiniteGradient, why: "its square is far beyond F32", tensors: [good, Sent("b", [3], [1e30, 1e30, -1e30])]),
        Refused(code: .nonFiniteGradient, why: "a small grad_scale", tensors: [good]) { $0.gradScale = 1e-40 },
        Refused(code: .invalidStepOption, why: "negative lr", tensors: [good]) { $0.learningRate = -1 },
        Refused(code: .invalidStepOption, why: "lr beyond F32", tensors: [good]) { $0.learningRate = 1e39 },
        Refused(code: .invalidStepOption, why: "unknown group", tensors: [good]) { $0.groupLearningRates = ["x": 1] },
        Refused(code: .invalidStepOption, why: "negative group lr", tensors: [good]) { $0.groupLearningRates = ["g": -1] },
        Refused(code: .invalidStepOption, why: "no grad_scale", tensors: [good]) { $0.gradScale = 0 },
        Refused(code: .invalidStepOption, why: "tiny grad_scale", tensors: [good]) { $0.gradScale = .leastNonzeroMagnitude },
        Refused(code: .invalidStepOption, why: "no max_grad_norm", tensors: [good]) { $0.maxGradNorm = 0 },
        Refused(code: .invalidStepOption, why: "dtype", tensors: [good]) { $0.dtype = .i8 },
        Refused(code: .invalidStepOption, why: "two rates", tensors: [good], metadata: [("lr", "0.5")]) { $0.learningRate = 0.25 },
        Refused(code: .invalidStepOption, why: "no number", tensors: [good], metadata: [("lr", "fast")]),
        Refused(code: .weightsRequired, why: "weights wanted", tensors: [good]) { $0.returned = .weights },
    ]

    @Test(arguments: ["reject", "skip"])
    func aRefusedStepChangesNothing(_ rule: String) async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "groups": {"g": {}}, "policy": {"on_nonfinite": "\#(rule)"}}"#)
        for step in 1...2 { try await run.put(step, [.gradient("w", [4, 3], step), .gradient("b", [3], step)]) }
        let before = try await run.snapshot()
        for refused in Self.refused where rule == "reject" || refused.code != .nonFiniteGradient {
            let error = await expectRefusal(refused.code) {
                try await run.put(3, refused.tensors, metadata: refused.metadata, refused.inputs)
            }
            #expect(try await run.snapshot() == before, "\(refused.why): \(error?.detail ?? "")")
        }
        #expect(run.status.step == 2)
        #expect(try await run.put(2, [.gradient("w", [4, 3], 2), .gradient("b", [3], 2)]).isReplay)
    }

    /// The bound is on whatever a gradient could do, so the refusal does not wait for the gradient that does it.
    @Test func aStepThatCouldOverflowHostedWeightsChangesNothing() async throws {
        let run = try await House().make("run", manifest)
        let large = Float.greatestFiniteMagnitude / 8
        try await run.hostWeights(body([Sent("w", [2, 2], [1, -2, 0, large])]), epoch: nil)
        try await run.put(1, [.gradient("w", [2, 2], 1)])
        let before = try await run.snapshot()
        for rate in [1e20, 3e38] {
            await expectRefusal(.nonFiniteGradient) { try await run.put(2, [.gradient("w", [2, 2], 2)]) { $0.learningRate = rate } }
            #expect(try await run.snapshot() == before)
        }
        try await run.put(2, [.gradient("w", [2, 2], 2)])
    }

    @Test func whatIsNotSafetensorsIsRefused() async throws {
        let run = try await House().make("run", manifest)
        try await run.put(1, [Self.good])
        let before = try await run.snapshot()
        let good = try body([Self.good])
        let whole = Array(good.bytes)
        for length in [0, 7, 8, 20, whole.count - 1] {
            await expectRefusal(.malformedBody) {
                _ = try await run.takeStep(2, body: buffer(Array(whole.prefix(length))), inputs: StepInputs(), epoch: nil)
            }
        }
        await expectRefusal(.malformedBody) { _ = try await run.takeStep(2, body: buffer(whole + [0]), inputs: StepInputs(), epoch: nil) }
        #expect(try await run.snapshot() == before)
    }

    @Test func aRefusedStepOfOneParameterChangesNothing() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [2, 2]}]}"#)
        try await run.put(1, of: "w", bytes(of: noise(4, 1)))
        let before = try await run.snapshot()
        let length = await expectRefusal(.wrongLength) { try await run.put(2, of: "w", bytes(of: noise(3, 1))) }
        #expect(length?.field("expected") == 16 && length?.field("got") == 12)
        await expectRefusal(.wrongLength) { try await run.put(2, of: "w", bytes(of: noise(4, 1))) { $0.dtype = .f64 } }
        await expectRefusal(.nonFiniteGradient) { try await run.put(2, of: "w", bytes(of: [1, 2, 3, .nan] as [Float])) }
        await expectRefusal(.invalidStepOption) { try await run.put(2, of: "w", bytes(of: noise(4, 1))) { $0.dtype = .bool } }
        #expect(try await run.snapshot() == before)
    }

    @Test func aNonFiniteGradientIsNamedAndCounted() async throws {
        let run = try await House().make("run", manifest)
        var values = noise(100, 1)
        for index in [0, 9, 50, 99] { values[index] = index.isMultiple(of: 2) ? .nan : .infinity }
        let sent = Sent("b", [100], values)
        let error = await expectRefusal(.nonFiniteGradient) { try await run.put(1, [Self.good, sent]) }
        #expect(error?.field("parameter") == "b")
        #expect(error?.field("nonfinite_count") == 4)
        #expect(error?.field("element_count") == 100)
    }

    @Test func aSkippedStepAnswersZerosAndChangesNoCountMomentOrFactor() async throws {
        let house = try await House()
        let text = #"{"optimizer": {"lr": 0.01}, "policy": {"on_nonfinite": "skip"}}"#
        let run = try await house.make("run", text)
        let control = try await House().make("run", text)
        let bad = [Sent("w", [4, 3], [.nan] + noise(11, 2)), .gradient("fresh", [2], 1)]
        for run in [run, control] { try await run.put(1, [.gradient("w", [4, 3], 1)]) }
        let before = try await run.snapshot()
        let skipped = try await run.put(2, bad)
        let answer = try Answered(skipped)
        #expect(answer.names == ["w", "fresh"])
        #expect(answer.floats("w") == Array(repeating: 0, count: 12) && answer.floats("fresh") == [0, 0])
        #expect(answer.weightScale == "{}")
        var after = try await run.snapshot()
        #expect(after.step == 2 && after.logEntries == 2)
        (after.step, after.logEntries, after.tensors["answer"]) = (before.step, before.logEntries, before.tensors["answer"])
        #expect(after == before)
        #expect(try await run.put(2, bad).isReplay)
        try await house.crash()
        let recovered = try house.run()
        let again = try await recovered.put(2, bad)
        #expect(again.isReplay)
        #expect(try Answered(again).raw == answer.raw)
        let next = try await recovered.put(3, [.gradient("w", [4, 3], 3)])
        let expected = try await control.put(2, [.gradient("w", [4, 3], 3)])
        #expect(try Answered(next).bytes("w") == Answered(expected).bytes("w"))
    }

    @Test func aSkippedStepOfOneParameterCountsOnlyInItsNumber() async throws {
        let house = try await House()
        let run = try await house.make(
            "run", #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [2]}], "policy": {"on_nonfinite": "skip"}}"#)
        let answer = try await run.put(1, of: "w", bytes(of: [1, .infinity] as [Float]))
        #expect(answer.weightScale == 1)
        #expect(answer.content.map { Array($0.bytes) } == Array(repeating: 0, count: 8))
        #expect(await run.stepCounts() == ["w": 0])
        try await house.restart()
        #expect(try await house.run().put(1, of: "w", bytes(of: [1, .infinity] as [Float])).isReplay)
        try await house.run().put(2, of: "w", bytes(of: [1, 2] as [Float]))
        #expect(try await house.run().stepCounts() == ["w": 1])
    }
}
