import Foundation
import Safetensors
import StrictJSON
import Testing

@testable import Training

/// The rules of steps, one after another, as the contract numbers them.
struct StepRuleTests {
    private static let open = #"{"optimizer": {"lr": 0.01}}"#
    private let shape = [4, 3]

    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed)] }

    // MARK: 1. Identity

    @Test func rule1NumbersAreComparedByValue() async throws {
        let run = try await House().make("run", Self.open)
        let first = try await run.put(1, gradient(1)) { $0.learningRate = JSONNumber(literal: "1e-3")?.double }
        let again = try await run.put(1, gradient(1)) { $0.learningRate = JSONNumber(literal: "0.00100")?.double }
        #expect(again.isReplay && !first.isReplay)
        #expect(try Answered(again).raw == Answered(first).raw)
    }

    @Test func rule1LeftOutIsNotTheRunsOwnValue() async throws {
        let run = try await House().make("run", Self.open)
        try await run.put(1, gradient(1))
        await expectRefusal(.bodyDiffers) { try await run.put(1, gradient(1)) { $0.learningRate = 0.01 } }
        await expectRefusal(.bodyDiffers) { try await run.put(1, gradient(1)) { $0.gradScale = 1 } }
        await expectRefusal(.bodyDiffers) { try await run.put(1, gradient(1)) { $0.dtype = .f32 } }
        await expectRefusal(.bodyDiffers) { try await run.put(1, gradient(1)) { $0.returned = .updates } }
        await expectRefusal(.bodyDiffers) { try await run.put(1, gradient(1)) { $0.maxGradNorm = 1e9 } }
        #expect(try await run.put(1, gradient(1)).isReplay)
    }

    @Test func rule1TheBodyCountsByItsBytes() async throws {
        let run = try await House().make("run", Self.open)
        try await run.put(1, gradient(1))
        await expectRefusal(.bodyDiffers) { try await run.put(1, gradient(1), metadata: [("lr", "0.01")]) }
        await expectRefusal(.bodyDiffers) { try await run.put(1, gradient(2)) }
    }

    // MARK: 2. Order

    @Test func rule2TheNextStepIsAppliedAndEveryOtherRefused() async throws {
        let run = try await House().make("run", Self.open)
        let early = await expectRefusal(.outOfOrder) { try await run.put(2, gradient(1)) }
        #expect(early?.field("expected_step") == 1)
        #expect(early?.field("epoch") == 0)
        for step in 1...3 { #expect(try await run.put(step, gradient(step)).step == step) }
        await expectRefusal(.alreadyApplied) { try await run.put(2, gradient(2)) }
        await expectRefusal(.alreadyApplied) { try await run.put(0, gradient(2)) }
        let late = await expectRefusal(.outOfOrder) { try await run.put(.max, gradient(5)) }
        #expect(late?.field("expected_step") == 4)
        #expect(try await run.put(nil, gradient(4)).step == 4)
        #expect(run.status.step == 4)
    }

    @Test func rule2StepZeroIsNoStep() async throws {
        let run = try await House().make("run", Self.open)
        await expectRefusal(.alreadyApplied) { try await run.put(0, gradient(1)) }
        #expect(try await run.snapshot().names.isEmpty)
    }

    @Test func rule2ARefusalThatNeedsNoBodyComesWithoutOne() async throws {
        let run = try await House().make("run", Self.open)
        try await run.put(1, gradient(1))
        try await run.put(2, gradient(2))
        #expect(throws: Never.self) { try run.precheck(step: 2, epoch: nil) }
        #expect(throws: Never.self) { try run.precheck(step: 3, epoch: 0) }
        await expectRefusal(.alreadyApplied) { try run.precheck(step: 1, epoch: nil) }
        await expectRefusal(.outOfOrder) { try run.precheck(step: 4, epoch: nil) }
        await expectRefusal(.epochFenced) { try run.precheck(step: 3, epoch: 1) }
    }

    @Test(arguments: ["memory", "clean stop", "crash"], ["log", "checkpoint"])
    func rule2TheLastStepIsAnsweredAgainByteForByte(_ how: String, _ durability: String) async throws {
        let house = try await House()
        let manifest = #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)"}}"#
        var run = try await house.make("run", manifest)
        for step in 1...3 { try await run.put(step, gradient(step)) }
        let first = try await run.put(4, gradient(4)) { $0.dtype = .bf16 }
        switch how {
        case "clean stop": try await house.restart()
        case "crash":
            if durability == "checkpoint" { try await run.makeCheckpoint() }
            try await house.crash()
        default: break
        }
        run = try house.run()
        let again = try await run.put(4, gradient(4)) { $0.dtype = .bf16 }
        #expect(again.isReplay)
        #expect(try Answered(again).raw == Answered(first).raw)
        await expectRefusal(.bodyDiffers) { try await run.put(4, gradient(4)) }
        #expect(try await !run.put(5, gradient(5)).isReplay)
    }

    @Test func rule2AnAnswerWithoutBytesIsReplayedToo() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.open)
        #expect(try await run.put(1, gradient(1)) { $0.returned = StepInputs.Returned.none }.content == nil)
        try await house.restart()
        let again = try await house.run().put(1, gradient(1)) { $0.returned = StepInputs.Returned.none }
        #expect(again.isReplay && again.content == nil)
    }

    // MARK: 3. Epoch

    @Test func rule3AnotherEpochIsFencedOffOnEveryWrite() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.open)
        try await run.put(1, gradient(1), epoch: 0)
        let before = try await run.snapshot()
        let error = await expectRefusal(.epochFenced) { try await run.put(2, gradient(2), epoch: 1) }
        #expect(error?.field("epoch") == 0)
        #expect(error?.field("expected_step") == 2)
        await expectRefusal(.epochFenced) { try await run.put(1, of: "w", [], epoch: 1) }
        await expectRefusal(.epochFenced) { try await run.hostWeights(body(gradient(1)), epoch: 1) }
        await expectRefusal(.epochFenced) { try await run.makeCheckpoint(epoch: 1) }
        await expectRefusal(.epochFenced) { try await house.runs.delete(RunName("run"), epoch: 1) }
        let same = try JSONValue(parsing: Array(Self.open.utf8))
        await expectRefusal(.epochFenced) { _ = try await house.runs.make(RunName("run"), manifest: same, epoch: 1) }
        await expectRefusal(.epochFenced) { _ = try await house.runs.make(RunName("new"), manifest: same, epoch: 1) }
        #expect(try await run.snapshot() == before)
    }

    // MARK: 4. Levels

    @Test func rule4AStepOfTheOtherKindIsRefused() async throws {
        let manifest = #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [4, 3]}, {"name": "b", "shape": [3]}]}"#
        let house = try await House()
        let whole = try await house.make("whole", manifest)
        try await whole.put(1, gradient(1))
        await expectRefusal(.levelMixed) { try await whole.put(1, of: "w", bytes(of: noise(12, 1))) }
        let single = try await house.make("single", manifest)
        try await single.put(1, of: "w", bytes(of: noise(12, 1)))
        await expectRefusal(.levelMixed) { try await single.put(1, gradient(1)) }
        await expectRefusal(.levelMixed) { try single.precheck(step: 7, epoch: nil) }
        try await house.crash()
        await expectRefusal(.levelMixed) { try await house.run("single").put(1, gradient(1)) }
        await expectRefusal(.levelMixed) { try await house.run("whole").put(1, of: "w", bytes(of: noise(12, 1))) }
    }

    @Test func rule4ParametersCountForThemselvesAndTheRunIsTheSmallest() async throws {
        let manifest = #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [4, 3]}, {"name": "b", "shape": [3]}]}"#
        let run = try await House().make("run", manifest)
        for step in 1...3 {
            let answer = try await run.put(step, of: "w", bytes(of: noise(12, step)))
            #expect(answer.step == step && answer.durableStep == step)
        }
        #expect(run.status.step == 0)
        await expectRefusal(.outOfOrder) { try await run.put(2, of: "b", bytes(of: noise(3, 1))) }
        await expectRefusal(.alreadyApplied) { try await run.put(2, of: "w", bytes(of: noise(12, 2))) }
        let error = await expectRefusal(.bodyDiffers) { try await run.put(3, of: "w", bytes(of: noise(12, 4))) }
        #expect(error?.field("expected_step") == 4)
        #expect(try await run.put(3, of: "w", bytes(of: noise(12, 3))).isReplay)
        try await run.put(1, of: "b", bytes(of: noise(3, 1)))
        #expect(run.status.step == 1)
        await expectRefusal(.unknownParameter) { try await run.put(1, of: "x", []) }
    }

    // MARK: 5. Subsets and new parameters

    @Test func rule5AParameterThatIsLeftOutKeepsItsCountAndItsBiasCorrection() async throws {
        let run = try await House().make("run", Self.open)
        let alone = try await House().make("run", Self.open)
        func both(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed), .gradient("b", [3], seed + 100)] }
        try await run.put(1, both(1))
        try await run.put(2, gradient(2))
        try await run.put(3, gradient(3))
        let late = try await run.put(4, both(4))
        #expect(await run.stepCounts() == ["w": 4, "b": 2])
        try await alone.put(1, [.gradient("b", [3], 101)])
        let expected = try await alone.put(2, [.gradient("b", [3], 104)])
        #expect(try Answered(late).bytes("b") == Answered(expected).bytes("b"))
        #expect(try await Answered(run.put(5, gradient(5))).names == ["w"])
    }

    @Test func rule5ANamelessStepIsRefused() async throws {
        let run = try await House().make("run", Self.open)
        await expectRefusal(.emptyStep) { try await run.put(1, []) }
    }

    @Test func rule5AnOpenListRegistersWhatAStepNamesWithTheShapeSeen() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}, "groups": {"g": {"match": ["b*"], "lr": 1}}}"#)
        try await run.put(1, gradient(1))
        try await run.put(2, [.gradient("bias", [5], 1), .gradient("scalar", [], 2)])
        #expect(run.status.parameterCount == 3)
        let bias = try await run.parameterDescription("bias")
        #expect(bias["shape"] == [5] && bias["group"] == "g" && bias["step"] == 1)
        let error = await expectRefusal(.wrongShape) { try await run.put(3, [.gradient("bias", [5, 1], 1)]) }
        #expect(error?.field("expected") == [5] && error?.field("got") == [5, 1])
    }

    @Test func rule5AClosedListTakesNoOtherName() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [4, 3]}]}"#)
        let error = await expectRefusal(.undeclaredParameter) { try await run.put(1, gradient(1) + [.gradient("x", [1], 1)]) }
        #expect(error?.field("parameter") == "x")
        await expectRefusal(.undeclaredParameter) { try await run.hostWeights(body(gradient(1) + [.gradient("x", [1], 1)]), epoch: nil) }
    }
}
