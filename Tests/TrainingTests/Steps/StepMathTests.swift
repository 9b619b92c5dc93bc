import LinearAlgebra
import Memory
import SOAP
import Safetensors
import StrictJSON
import Testing

@testable import Training

/// Steps as the contract writes them, against the engine driven by hand.
struct StepMathTests {
    /// The engine without anything around it.
    private final class ByHand {
        private let state: SOAPParameter<Float>
        private let options: SOAPOptions
        private let workspace = Workspace()

        init(_ shape: [Int], _ change: (inout SOAPOptions) -> Void = { _ in }) {
            var options = SOAPOptions(learningRate: 0.01)
            change(&options)
            self.options = options
            state = SOAPParameter(shape: shape, options: options)
        }

        func step(_ gradient: [Float], lr: Double = 0.01, weights: [Float]? = nil) -> [Float] {
            var update = gradient
            gradient.withUnsafeBufferPointer { gradient in
                update.withUnsafeMutableBufferPointer { update in
                    func step(_ weights: UnsafeBufferPointer<Float>?) {
                        _ = state.step(
                            gradient: gradient, weights: weights, options: options, learningRate: lr, update: update, workspace: workspace)
                    }
                    if let weights { weights.withUnsafeBufferPointer { step($0) } } else { step(nil) }
                }
            }
            return update
        }
    }

    private let shape = [5, 4]

    private func run(_ rest: String = "") async throws -> Run {
        try await House().make("run", #"{"optimizer": {"lr": 0.01}\#(rest)}"#)
    }

    @Test func aStepIsTheEnginesStepAndTheFactorItsDecay() async throws {
        let run = try await run()
        let engine = ByHand(shape)
        for step in 1...4 {
            let answer = try await Answered(run.put(step, [.gradient("w", shape, step)]))
            #expect(answer.floats("w") == engine.step(noise(20, step)))
            #expect(answer.shape("w") == shape && answer.dtype("w") == .f32)
            let factors = try JSONValue(parsing: Array(#require(answer.weightScale).utf8))
            #expect(factors == ["w": JSONValue(1 - 0.01 * 0.01)])
        }
    }

    @Test(arguments: ["query", "metadata", "both"])
    func aStepsRateHoldsForEveryGroupThatSetsNone(_ place: String) async throws {
        let run = try await run(#", "groups": {"own": {"match": ["o*"], "lr": 0.5}, "none": {"match": ["n*"], "weight_decay": 0.25}}"#)
        let answer = try await Answered(
            run.put(
                1, [.gradient("w", shape, 1), .gradient("o", shape, 1), .gradient("n", shape, 1)],
                metadata: place == "query" ? [] : [("lr", "2.5e-1")]
            ) {
                if place != "metadata" { $0.learningRate = 0.25 }
            })
        #expect(answer.floats("w") == ByHand(shape).step(noise(20, 1), lr: 0.25))
        #expect(answer.floats("n") == ByHand(shape).step(noise(20, 1), lr: 0.25))
        #expect(answer.floats("o") == ByHand(shape).step(noise(20, 1), lr: 0.5))
        let factors = try JSONValue(parsing: Array(#require(answer.weightScale).utf8))
        #expect(factors["w"] == JSONValue(1 - 0.25 * 0.01))
        #expect(factors["n"] == JSONValue(1 - 0.25 * 0.25))
        #expect(factors["o"] == JSONValue(1 - 0.5 * 0.01))
    }

    @Test func aGroupsRateIsForThatGroupAlone() async throws {
        let run = try await run(#", "groups": {"g": {"match": ["g"], "lr": 0.5}}"#)
        let answer = try await Answered(
            run.put(1, [.gradient("w", shape, 1), .gradient("g", shape, 1)]) {
                $0.groupLearningRates = ["g": 0.125]
                $0.learningRate = 0.0625
            })
        #expect(answer.floats("g") == ByHand(shape).step(noise(20, 1), lr: 0.125))
        #expect(answer.floats("w") == ByHand(shape).step(noise(20, 1), lr: 0.0625))
        let next = try await Answered(run.put(2, [.gradient("g", shape, 2)]))
        let engine = ByHand(shape)
        _ = engine.step(noise(20, 1), lr: 0.125)
        #expect(next.floats("g") == engine.step(noise(20, 2), lr: 0.5))
    }

    @Test func gradientsAreDividedFirst() async throws {
        let scaled = try await Answered(
            run().put(1, [Sent("w", shape, noise(20, 1).map { $0 * 1024 })]) { $0.gradScale = 1024 })
        #expect(scaled.floats("w") == ByHand(shape).step(noise(20, 1)))
    }

    @Test(arguments: [0.5, 1e6])
    func thenTheGlobalNormIsClipped(_ maximum: Double) async throws {
        let gradients: [TensorName: [Float]] = ["a": noise(20, 1), "b": noise(20, 2)]
        let squares = ["a", "b"].reduce(0.0) { $0 + (gradients[$1] ?? []).reduce(0) { $0 + Double($1 * 0.5) * Double($1 * 0.5) } }
        let factor = 0.5 * min(1, maximum / (squares.squareRoot() + 1e-6))
        let answer = try await Answered(
            run().put(1, gradients.map { Sent($0.key, shape, $0.value) }.sorted { $0.name.description < $1.name.description }) {
                $0.gradScale = 2
                $0.maxGradNorm = maximum
            })
        for (name, gradient) in gradients {
            let expected = ByHand(shape).step(gradient.map { Float(Double($0) * factor) })
            for (got, expected) in zip(answer.floats(name), expected) { #expect(abs(got - expected) <= 1e-6 * abs(expected) + 1e-9) }
        }
    }

    @Test func atParameterLevelTheNormIsThatTensors() async throws {
        let list = #", "parameters": [{"name": "a", "shape": [5, 4]}, {"name": "b", "shape": [5, 4]}]"#
        let single = try await run(list)
        let whole = try await run(list)
        let one = try await single.put(1, of: "a", bytes(of: noise(20, 1))) { $0.maxGradNorm = 0.5 }
        let other = try await Answered(whole.put(1, [.gradient("a", shape, 1)]) { $0.maxGradNorm = 0.5 })
        #expect(one.content.map { Array($0.bytes) } == other.bytes("a"))
        #expect(one.weightScale == 1 - 0.01 * 0.01)
    }

    @Test(arguments: ElementConversion.supported, ElementConversion.supported)
    func everyDTypeGoesInAndComesOut(_ sent: DType, _ wanted: DType) async throws {
        // Numbers that every dtype holds exactly.
        let values = noise(20, 3).map { Float(Int($0 * 64)) / 64 }
        let update = ByHand(shape).step(values)
        let plain = try await Answered(run().put(1, [encode(values, sent)]))
        #expect(plain.dtype("w") == sent && plain.bytes("w") == encode(update, sent).bytes)
        let asked = try await Answered(run().put(1, [encode(values, sent)]) { $0.dtype = wanted })
        #expect(asked.dtype("w") == wanted && asked.bytes("w") == encode(update, wanted).bytes)
    }

    private func encode(_ values: [Float], _ dtype: DType) -> Sent {
        var result = [UInt8](repeating: 0, count: values.count * dtype.byteCount)
        values.withUnsafeBufferPointer { source in
            result.withUnsafeMutableBytes { ElementConversion.narrow(source, dtype, into: $0) }
        }
        return Sent("w", shape, dtype, bytes: result)
    }

    @Test(arguments: ElementConversion.supported, 0..<8)
    func tensorsMayBeginAtAnyByte(_ dtype: DType, _ shift: Int) async throws {
        let values = noise(20, 3).map { Float(Int($0 * 64)) / 64 }
        let body = misaligned(encode(values, dtype), by: shift)
        let answer = try await Answered(run().takeStep(1, body: body, inputs: StepInputs(), epoch: nil))
        #expect(answer.bytes("w") == encode(ByHand(shape).step(values), dtype).bytes)
    }

    @Test func theBodyIsNotTouched() async throws {
        let sent = try body([.gradient("w", shape, 1)])
        let before = Array(sent.bytes)
        _ = try await run().takeStep(1, body: sent, inputs: StepInputs(), epoch: nil)
        #expect(Array(sent.bytes) == before)
    }

    @Test(arguments: [("decoupled", 1 - 0.01 * 0.5), ("independent", 0.5)])
    func hostedWeightsBecomeExactlyWPlusUpdate(_ method: String, _ scale: Double) async throws {
        let house = try await House()
        let run = try await house.make(
            "run", #"{"optimizer": {"lr": 0.01, "weight_decay": 0.5, "weight_decay_method": "\#(method)"}}"#)
        try await run.hostWeights(body([.gradient("w", shape, 9)]), epoch: nil)
        let engine = ByHand(shape) {
            $0.weightDecay = 0.5
            $0.weightDecayMethod = method == "decoupled" ? .decoupled : .independent
        }
        var weights = noise(20, 9)
        for step in 1...3 {
            let answer = try await Answered(run.put(step, [.gradient("w", shape, step)]))
            let update = zip(weights, engine.step(noise(20, step))).map { Float(Double($0) * (scale - 1) + Double($1)) }
            #expect(answer.floats("w") == update)
            #expect(answer.weightScale == "{}")
            weights = zip(weights, update).map { $0 + $1 }
            #expect(try await Answered(run.weights()).floats("w") == weights)
        }
        let returned = try await Answered(run.put(4, [.gradient("w", shape, 4)]) { $0.returned = .weights })
        #expect(try await Answered(run.weights()).floats("w") == returned.floats("w"))
        let rounded = try await Answered(
            run.put(5, [.gradient("w", shape, 5)]) {
                $0.returned = .weights
                $0.dtype = .bf16
            })
        let kept = try await Answered(run.weights()).floats("w")
        #expect(rounded.bytes("w") == encode(kept, .bf16).bytes)
        let before = kept
        #expect(try await run.put(6, [.gradient("w", shape, 6)]) { $0.returned = StepInputs.Returned.none }.content == nil)
        #expect(try await Answered(run.weights()).floats("w") != before)
    }

    @Test func l2DecayNeedsWeightsAndUsesThem() async throws {
        let run = try await House().make(
            "run",
            #"{"optimizer": {"lr": 0.01, "weight_decay": 0.5, "weight_decay_method": "l2"}, "parameters": [{"name": "w", "shape": [5, 4]}]}"#
        )
        await expectRefusal(.weightsRequired) { try await run.put(1, [.gradient("w", shape, 1)]) }
        try await run.hostWeights(body([.gradient("w", shape, 9)]), epoch: nil)
        let engine = ByHand(shape) {
            $0.weightDecay = 0.5
            $0.weightDecayMethod = .l2
        }
        let update = engine.step(noise(20, 1), weights: noise(20, 9))
        let answer = try await Answered(run.put(1, [.gradient("w", shape, 1)]))
        #expect(answer.floats("w") == update)
        #expect(try await Answered(run.weights()).floats("w") == zip(noise(20, 9), update).map { $0 + $1 })
    }

    @Test func weightsNameEveryParameterAndAreFinite() async throws {
        let run = try await House().make(
            "run", #"{"optimizer": {"lr": 1}, "parameters": [{"name": "a", "shape": [2]}, {"name": "b", "shape": [2]}]}"#)
        await expectRefusal(.weightsNotHosted) { _ = try await run.weights() }
        let before = try await run.snapshot()
        let missing = await expectRefusal(.weightsIncomplete) { try await run.hostWeights(body([.gradient("a", [2], 1)]), epoch: nil) }
        #expect(missing?.field("missing") == ["b"])
        let bad = try body([.gradient("a", [2], 1), Sent("b", [2], [.nan, 1])])
        await expectRefusal(.nonFiniteWeight) { try await run.hostWeights(bad, epoch: nil) }
        let shape = try body([.gradient("a", [2], 1), .gradient("b", [3], 1)])
        await expectRefusal(.wrongShape) { try await run.hostWeights(shape, epoch: nil) }
        let integers = try body([.gradient("a", [2], 1), Sent("b", [2], .u8, bytes: [1, 2])])
        await expectRefusal(.wrongDType) { try await run.hostWeights(integers, epoch: nil) }
        #expect(try await run.snapshot() == before)
    }

    @Test func aRunThatHostsWeightsRegistersNewParametersWithTheirWeightsOnly() async throws {
        let run = try await run()
        try await run.hostWeights(body([.gradient("a", shape, 1)]), epoch: nil)
        await expectRefusal(.weightsRequired) { try await run.put(1, [.gradient("a", shape, 1), .gradient("b", [2], 1)]) }
        try await run.hostWeights(body([.gradient("a", shape, 1), .gradient("b", [2], 1)]), epoch: nil)
        try await run.put(1, [.gradient("a", shape, 1), .gradient("b", [2], 1)])
        #expect(await run.stepCounts() == ["a": 1, "b": 1])
    }
}
