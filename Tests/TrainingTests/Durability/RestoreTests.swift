import Foundation
import GRDB
import SOAP
import Safetensors
import StrictJSON
import Testing

@testable import Training

/// Going back to a step equals never having gone on from it.
struct RestoreTests {
    private static let manifest = """
        {"optimizer": {"lr": 0.01, "precondition_frequency": 2}, "policy": {"checkpoint_every": 4, "keep_checkpoints": 9},
         "groups": {"g": {"match": ["b"], "lr": 0.5}}}
        """

    private static func tensors(_ k: Int) -> [Sent] {
        [.gradient("w", [4, 3], k), .gradient("b", [3], k)] + (k > 5 ? [.gradient("late", [2, 2], k)] : [])
    }

    /// Checkpoints at 4 and 8, steps up to 10 in the log.
    private static func run(in house: House, through last: Int = 10) async throws -> Run {
        let run = try await house.make("run", manifest)
        for k in 1...last {
            try await run.put(k, tensors(k))
            if k.isMultiple(of: 4) { try await run.makeCheckpoint(label: k == 4 ? "four" : nil) }
        }
        return run
    }

    @Test(arguments: [4, 8, 9, 10], [false, true])
    func aRestoredRunIsTheOneThatNeverWentOn(step: Int, crashes: Bool) async throws {
        let house = try await House()
        var run = try await RestoreTests.run(in: house)
        let control = try await RestoreTests.run(in: House(), through: step)
        let status = try await run.restore(to: step, epoch: 0)
        #expect(status.step == step && status.durableStep == step && status.epoch == 1)
        if crashes {
            try await house.crash()
            run = try house.run()
        }
        var restored = try await run.snapshot()
        var expected = try await control.snapshot()
        #expect(restored.epoch == 1 && restored.logEntries == 0)
        (restored.epoch, restored.logEntries, expected.logEntries) = (0, 0, 0)
        #expect(restored == expected)
        #expect(try await run.checkpoints().map(\.step) == [4, 8, step].filter { $0 <= step }.sorted().uniqued())
        #expect(try await run.checkpoint(at: 4).label == "four")

        // The replay record comes back too, under the new epoch.
        let replayed = try await run.put(step, RestoreTests.tensors(step), epoch: 1)
        #expect(replayed.isReplay)
        await expectRefusal(.epochFenced) { try await run.put(step + 1, RestoreTests.tensors(step + 1), epoch: 0) }
        for k in step + 1...step + 3 {
            let answer = try await Answered(run.put(k, RestoreTests.tensors(k), epoch: 1))
            #expect(try await answer.raw == Answered(control.put(k, RestoreTests.tensors(k))).raw, "step \(k)")
        }
    }

    @Test func aRunGoesBackAgainAndAgain() async throws {
        let house = try await House()
        let run = try await RestoreTests.run(in: house)
        for (epoch, step) in [9, 8, 4].enumerated() {
            #expect(try await run.restore(to: step, epoch: epoch).epoch == epoch + 1)
            try await run.put(step + 1, RestoreTests.tensors(99))
        }
        await expectRefusal(.stepNotKept) { _ = try await run.restore(to: 8, epoch: nil) }
        try await house.crash()
        let back = try house.run().status
        #expect(back.step == 5 && back.epoch == 3)
    }

    @Test func optionsAndWhatTheyMakeStay() async throws {
        let run = try await RestoreTests.run(in: House())
        try await run.patch(#"{"optimizer": {"lr": 0.25}, "groups": {"g": {"eps": 0.001}}}"#)
        let status = try await run.restore(to: 9, epoch: nil)
        #expect(status.json["optimizer"]?["lr"] == 0.25)
        #expect(status.json["groups"]?["g"]?["eps"] == 0.001)
        #expect(try await run.parameter("b").settings.options.epsilon == 0.001)
        #expect(try await run.parameter("w").settings.options.learningRate == 0.25)
    }

    @Test func hostedWeightsComeBackAsTheyWere() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01, "weight_decay_method": "l2"}}"#)
        try await run.hostWeights(body([.gradient("w", [4, 3], 100)]), epoch: nil)
        try await run.put(1, [.gradient("w", [4, 3], 1)])
        let weights = try await Answered(run.weights()).raw
        try await run.put(2, [.gradient("w", [4, 3], 2)])
        try await run.hostWeights(body([.gradient("w", [4, 3], 101)]), epoch: nil)
        _ = try await run.restore(to: 1, epoch: nil)
        #expect(try await Answered(run.weights()).raw == weights)
    }

    /// Weights that were put after a step and before the next one belong to it, also when a checkpoint lies in between.
    @Test(arguments: [false, true])
    func weightsThatWerePutAfterAStepComeBackWithIt(hasCheckpoint: Bool) async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1...3 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        if hasCheckpoint { try await run.makeCheckpoint(label: "three") }
        try await run.hostWeights(body([.gradient("w", [4, 3], 100)]), epoch: nil)
        let weights = try await Answered(run.weights()).raw
        let answer = try await Answered(run.put(4, [.gradient("w", [4, 3], 4)])).raw
        for _ in 1...2 {
            _ = try await run.restore(to: 3, epoch: nil)
            #expect(try await Answered(run.weights()).raw == weights)
            #expect(try await Answered(run.put(4, [.gradient("w", [4, 3], 4)])).raw == answer)
        }
        #expect(try await run.checkpoints().map(\.label) == [hasCheckpoint ? "three" : nil])
    }

    /// Wherever weights are put, and whatever is written afterwards, they belong to the step they were put after.
    @Test(arguments: ["log", "checkpoint", "memory"], [0, 3])
    func weightsBelongToTheirStepInEveryDurability(durability: String, step: Int) async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1..<step + 1 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        if step > 0 { try await run.makeCheckpoint(label: "here") }
        if durability != "log" { try await run.patch(#"{"policy": {"durability": "\#(durability)"}}"#) }
        try await run.hostWeights(body([.gradient("w", [4, 3], 100)]), epoch: nil)
        let weights = try await Answered(run.weights()).raw
        try await run.put(step + 1, [.gradient("w", [4, 3], 4)])
        if step > 0 { try await run.makeCheckpoint() }
        _ = try await run.restore(to: step, epoch: nil)
        #expect(run.status.step == step)
        #expect(try await Answered(run.weights()).raw == weights)
    }

    /// Weights that are put on steps which are in no log are in a checkpoint instead.
    @Test(arguments: ["checkpoint", "memory"])
    func weightsThatArePutOnUnloggedStepsAreInACheckpoint(durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)"}}"#)
        for k in 1...3 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        try await run.hostWeights(body([.gradient("w", [4, 3], 100)]), epoch: nil)
        let expected = try await run.snapshot().tensors
        #expect(try await run.checkpoints().map(\.step) == [3])
        try await house.crash()
        #expect(try await house.run().snapshot().tensors == expected)
        #expect(try house.run().status.epoch == 0)
    }

    @Test func atParameterLevelACheckpointIsGoneBackToAsItIs() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await run.hostWeights(body([.gradient("w", [4, 3], 1)]), epoch: nil)
        for k in 1...3 { try await run.put(k, of: "w", bytes(of: noise(12, k))) }
        try await run.makeCheckpoint(label: "three")
        // The new parameter stands at 0, and so does the run then.
        try await run.hostWeights(body([.gradient("w", [4, 3], 2), .gradient("c", [2], 3)]), epoch: nil)
        #expect(run.status.step == 0)
        #expect(try await run.restore(to: 3, epoch: nil).step == 3)
        #expect(try await run.checkpoint(at: 3).label == "three")
    }

    @Test(arguments: [1, 3, 5, 7, 11, 1 << 40])
    func aStepThatIsNotKeptIsRefused(step: Int) async throws {
        let run = try await RestoreTests.run(in: House())
        let before = try await run.snapshot()
        let refusal = await expectRefusal(.stepNotKept) { _ = try await run.restore(to: step, epoch: nil) }
        #expect(refusal?.field("checkpoints") == [4, 8])
        #expect(refusal?.field("step") == 10)
        #expect(try await run.snapshot() == before)
    }

    @Test func theBeginningIsKeptAsLongAsTheLogReachesBackToIt() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [4, 3]}]}"#)
        try await run.put(1, [.gradient("w", [4, 3], 1)])
        #expect(try await run.restore(to: 0, epoch: nil).step == 0)
        #expect(await run.stepCounts() == ["w": 0])
        #expect(try await run.checkpoints().map(\.step) == [0])
        try await run.put(1, [.gradient("w", [4, 3], 2)])
        #expect(try await run.restore(to: 0, epoch: nil).epoch == 2)
    }

    @Test func whatWasDoneBeforeTheFirstStepComesBackWithTheBeginning() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01, "weight_decay_method": "l2"}}"#)
        try await run.hostWeights(body([.gradient("w", [4, 3], 100)]), epoch: nil)
        let weights = try await Answered(run.weights()).raw
        let answer = try await Answered(run.put(1, [.gradient("w", [4, 3], 1)])).raw
        #expect(try await run.restore(to: 0, epoch: nil).step == 0)
        #expect(try await Answered(run.weights()).raw == weights)
        #expect(try await Answered(run.put(1, [.gradient("w", [4, 3], 1)])).raw == answer)
    }

    @Test func aRestoreThatTheServersStopInterruptsIsNoDamage() async throws {
        let house = try await House()
        let run = try await RestoreTests.run(in: house)
        let directory = await run.surroundings.directory
        directory.readiness = .stopping
        await expectRefusal(.shuttingDown) { _ = try await run.restore(to: 10, epoch: nil) }
    }

    @Test func stepsThatAreDoneAgainAreNotCountedAgain() async throws {
        let house = try await House()
        let run = try await RestoreTests.run(in: house)
        let counts = house.runs.metrics.steps
        #expect(counts.taken == 10 && counts.basisRefreshes > 0)
        _ = try await run.restore(to: 10, epoch: nil)
        #expect(house.runs.metrics.steps == counts)
        try await house.crash()
        #expect(house.runs.metrics.steps == StepCounts())
    }

    @Test func atParameterLevelOnlyCheckpointsAreGoneBackTo() async throws {
        let run = try await House().make(
            "run", #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [4, 3]}, {"name": "b", "shape": [3]}]}"#)
        func steps(_ k: Int) async throws {
            try await run.put(k, of: "w", bytes(of: noise(12, k)))
            try await run.put(k, of: "b", bytes(of: noise(3, k)))
        }
        for k in 1...2 { try await steps(k) }
        try await run.put(3, of: "w", bytes(of: noise(12, 3)))
        try await run.makeCheckpoint()
        let before = try await run.snapshot()
        for k in 3...5 {
            if k > 3 { try await run.put(k, of: "w", bytes(of: noise(12, k))) }
            try await run.put(k, of: "b", bytes(of: noise(3, k)))
        }
        await expectRefusal(.stepNotKept) { _ = try await run.restore(to: 4, epoch: nil) }
        #expect(try await run.restore(to: 2, epoch: nil).epoch == 1)
        var restored = try await run.snapshot()
        restored.epoch = 0
        #expect(restored == before)
        #expect(try await run.put(3, of: "w", bytes(of: noise(12, 3))).isReplay)
        try await run.put(3, of: "b", bytes(of: noise(3, 3)))
    }

    @Test func aRestoreThatFailsChangesNothing() async throws {
        let house = try await House()
        _ = try await RestoreTests.run(in: house)
        // A bit of the first checkpoint's first tensor turns.
        try await house.crash { file in
            let queue = try DatabaseQueue(path: file)
            try queue.write { db in
                let id = try Int64.fetchOne(db, sql: "SELECT min(id) FROM tensor WHERE kind = 'state'")
                let bytes = try Data.fetchOne(db, sql: "SELECT bytes FROM tensor_part WHERE tensor = ?", arguments: [id])
                var damaged = try #require(bytes)
                damaged[0] ^= 1
                try db.execute(sql: "UPDATE tensor_part SET bytes = ? WHERE tensor = ?", arguments: [damaged, id])
            }
            try queue.close()
        }
        let run = try house.run()
        let before = try await run.snapshot()
        await expectRefusal(.storageDamaged) { _ = try await run.restore(to: 4, epoch: nil) }
        await expectRefusal(.epochFenced) { _ = try await run.restore(to: 8, epoch: 7) }
        #expect(try await run.snapshot() == before)
        #expect(try await run.put(11, RestoreTests.tensors(11)).step == 11)
    }

    @Test func theMomentHasToFitBesideThePresent() async throws {
        let byteCount = 4 * (2 * 12 + 2 * 16 + 2 * 9)
        let run = try await House(memoryBudget: 2 * byteCount - 1).make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1...2 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        let before = try await run.snapshot()
        await expectRefusal(.outOfMemory) { _ = try await run.restore(to: 1, epoch: nil) }
        #expect(try await run.snapshot() == before)
        #expect(before.reserved == byteCount)
    }
}

extension [Int] {
    fileprivate func uniqued() -> [Int] { reduce(into: []) { if $0.last != $1 { $0.append($1) } } }
}
