import Dispatch
import Foundation
import GRDB
import Safetensors
import Storage
import StrictJSON
import Testing

@testable import Storage
@testable import Training

/// What happens to a run, or to the machine, while a checkpoint is under way.
struct CheckpointInterruptionTests {
    private static func manifest(_ durability: String) -> String {
        #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)", "checkpoint_every": 1000}}"#
    }

    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [8, 6], seed), .gradient("b", [6], seed)] }

    private func step(_ run: Run, _ numbers: ClosedRange<Int>) async throws {
        for k in numbers { try await run.put(k, gradient(k)) }
    }

    // MARK: Crashes

    /// Steps answered after the moment are lost with a crash, whenever the checkpoint was completed, and the run says so.
    @Test(arguments: ["checkpoint", "memory"], ["completed", "not completed", "nothing lost", "marked after the completion"])
    func aCrashLosesWhatWasAnsweredAfterTheMomentAndSaysSo(_ durability: String, _ order: String) async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest(durability))
        try await step(run, 1...1)
        try await run.makeCheckpoint()
        try await step(run, 2...3)
        let job = await run.beginCheckpoint(isAskedFor: false)
        switch order {
        case "completed":
            try await step(run, 4...4)
            _ = try job.finish().get()
        case "marked after the completion":
            _ = try job.finish().get()
            try await step(run, 4...4)
        case "nothing lost": _ = try job.finish().get()
        default: try await step(run, 4...4)
        }
        if order == "completed" {
            await run.absorbEnd(of: job)
            // A second checkpoint covers that step too, and nothing is lost any more.
            try await house.crash()
            #expect(try house.run().status.step == 3 && house.run().status.epoch == 1)
            try await house.crash()
            #expect(try house.run().status.epoch == 1, "said once")
            return
        }
        try await house.crash()
        let status = try house.run().status
        #expect(status.step == (order == "not completed" ? 1 : 3))
        #expect(status.epoch == (order == "nothing lost" ? 0 : 1))
    }

    @Test(arguments: ["checkpoint", "memory"])
    func aLaterCheckpointClearsTheLaterMark(_ durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest(durability))
        try await step(run, 1...1)
        let job = await run.beginCheckpoint(isAskedFor: false)
        try await step(run, 2...2)
        job.start()
        await run.absorbEnd(of: job)
        #expect(await run.checkpointing.isAhead)
        #expect(try await run.makeCheckpoint().step == 2)
        #expect(await !run.checkpointing.isAhead)
        try await house.crash()
        #expect(try house.run().status.step == 2 && house.run().status.epoch == 0)
    }

    @Test func underLogACrashBeforeTheEndLosesNothing() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest("log"))
        try await step(run, 1...2)
        let job = await run.beginCheckpoint(isAskedFor: false)
        try await step(run, 3...3)
        try await house.crash()
        #expect(try house.run().status.step == 3 && house.run().status.epoch == 0)
        _ = job.finish()
    }

    // MARK: What a run does meanwhile

    @Test func aStrongerDurabilityBeginsWithACheckpointOfThePresent() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest("checkpoint"))
        try await step(run, 1...1)
        _ = await run.beginCheckpoint(isAskedFor: false)
        try await step(run, 2...2)
        try await run.patch(#"{"policy": {"durability": "log"}}"#)
        #expect(try await run.checkpoints().map(\.step) == [1, 2])
        try await step(run, 3...3)
        try await house.crash()
        #expect(try house.run().status.step == 3 && house.run().status.epoch == 0)
    }

    @Test func anotherOptionIsNotInTheCheckpointOfBefore() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest("log"))
        try await step(run, 1...1)
        let job = await run.beginCheckpoint(isAskedFor: false)
        try await run.patch(#"{"optimizer": {"lr": 0.5}}"#)
        try await step(run, 2...2)
        _ = try job.finish().get()
        let expected = try await run.put(3, gradient(3))
        try await house.crash()
        #expect(try await Answered(house.run().put(3, gradient(3))).raw == Answered(expected).raw)
        #expect(try house.run().status.json["optimizer"]?["lr"] == 0.5)
    }

    /// Whether the one under way is of the very step that weights are put at, or of an earlier one.
    @Test(arguments: [false, true])
    func weightsAreInTheCheckpointOfTheirStep(isOfThisStep: Bool) async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest("log"))
        try await step(run, 1...2)
        let job = await run.beginCheckpoint(isAskedFor: false)
        if !isOfThisStep { try await step(run, 3...3) }
        try await run.hostWeights(body(gradient(9)), epoch: nil)
        _ = try job.finish().get()
        let last = isOfThisStep ? 2 : 3
        try await step(run, (last + 1)...(last + 1))
        try await run.makeCheckpoint()
        if isOfThisStep {
            _ = try await run.restore(to: last, epoch: nil)
            #expect(try await Answered(run.weights()).floats("w") == noise(48, 9))
        }
        try await house.crash()
        #expect(try await house.run().put(isOfThisStep ? 3 : 5, gradient(5)).durableStep > 2)
    }

    @Test func aRestoreOrAnImportLeavesNoCheckpointOfTheOtherTimeBehind() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest("log"))
        let file = try await {
            let other = try await House().make("run", Self.manifest("log"))
            try await step(other, 1...5)
            return try await other.exported()
        }()
        try await step(run, 1...1)
        try await run.makeCheckpoint()
        try await step(run, 2...3)
        let first = await run.beginCheckpoint(isAskedFor: false)
        try await step(run, 4...4)
        _ = try await run.restore(to: 1, epoch: nil)
        #expect(try await run.checkpoints().map(\.step) == [1])
        #expect(await run.underWay == nil)
        first.start()

        try await step(run, 2...2)
        let second = await run.beginCheckpoint(isAskedFor: false)
        try await step(run, 3...3)
        try await run.importState(file, epoch: nil)
        second.start()
        while await run.checkpointing.isScheduled { try await Task.sleep(for: .milliseconds(2)) }
        #expect(try await run.checkpoints().map(\.step) == [1, 2, 5])
        try await house.crash()
        #expect(try house.run().status.step == 5 && house.run().status.epoch == 2)
    }

    /// The writer stands between two tensors when the run goes.
    @Test(.timeLimit(.minutes(1)))
    func aDeletedRunLeavesNothingBehind() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 1}, "parameters": [{"name": "large", "shape": [12000000]}]}"#)
        let gate = DispatchSemaphore(value: 0)
        // Whoever comes to the database meanwhile is served in the order of coming.
        Thread.detachNewThread { [store = house.store] in
            try? store.read { _ in _ = gate.wait(timeout: .now() + 30) }
        }
        async let asked: Void = {
            await expectRefusal(.unknownRun) { try await run.makeCheckpoint() }
        }()
        while await run.underWay == nil { try await Task.sleep(for: .milliseconds(1)) }
        try await Task.sleep(for: .milliseconds(50))
        async let deleted: Void = house.runs.delete(RunName("run"), epoch: nil)
        try await Task.sleep(for: .milliseconds(50))
        gate.signal()
        _ = try await (asked, deleted)
        #expect(house.runs.ledger.reservedByteCount == 0 && house.runs.ledger.lentByteCount == 0)
        #expect(!house.log.lines.contains { $0.hasPrefix("error") || $0.hasPrefix("warning") }, "\(house.log.lines)")
        try await house.runs.checkStorage()
        try await house.restart()
        #expect(try house.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM checkpoint") } == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func whoeverWaitsForACheckpointOfADeletedRunIsTold() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest("log"))
        try await step(run, 1...1)
        let job = await run.beginCheckpoint(isAskedFor: false)
        async let asked: Void = {
            await expectRefusal(.unknownRun) { try await run.makeCheckpoint() }
        }()
        while await run.checkpointsAskedFor == 0 { try await Task.sleep(for: .milliseconds(1)) }
        try await house.runs.delete(RunName("run"), epoch: nil)
        job.start()
        await asked
        #expect(house.runs.ledger.reservedByteCount == 0 && house.runs.ledger.lentByteCount == 0)
        #expect(!house.log.lines.contains { $0.hasPrefix("error") }, "\(house.log.lines)")
    }

    @Test func aStopWaitsForTheOneUnderWayAndMakesTheLast() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest("log"))
        try await step(run, 1...1)
        _ = await run.beginCheckpoint(isAskedFor: false)
        try await step(run, 2...2)
        try await house.restart()
        #expect(try await house.run().checkpoints().map(\.step) == [1, 2])
        #expect(try await house.run().snapshot().logEntries == 0)
    }

    @Test func oneThatIsReadCanBeReplacedMeanwhile() async throws {
        let run = try await House().make("run", Self.manifest("log"))
        try await step(run, 1...1)
        try await run.makeCheckpoint()
        let expected = try await run.downloaded(1)
        let download = try await run.download(checkpointAt: 1)
        try await run.makeCheckpoint()
        #expect(try await download.whole() == expected)
    }

    // MARK: Failures

    @Test(arguments: ["log", "checkpoint"], [false, true])
    func aFailedOneLeavesTheRunAsItWas(_ durability: String, isAskedFor: Bool) async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest(durability))
        try await step(run, 1...2)
        try house.store.write {
            try $0.execute(
                sql: "CREATE TEMP TRIGGER trap BEFORE INSERT ON main.tensor BEGIN SELECT RAISE(ABORT, 'trapped'); END")
        }
        let job = await run.beginCheckpoint(isAskedFor: isAskedFor)
        try await step(run, 3...3)
        job.start()
        await expectRefusal(.storageUnavailable) { _ = try await run.absorbEnd(of: job).get() }
        #expect(house.log.lines.contains { $0.contains("checkpoint failed") } != isAskedFor)
        #expect(house.runs.ledger.lentByteCount == 0)
        try await step(run, 4...4)
        #expect(run.status.durableStep == (durability == "log" ? 4 : 0))
        #expect(try await run.checkpoints().isEmpty)
        #expect(await run.checkpointing.isAhead == (durability == "checkpoint"))
        try house.store.write { try $0.execute(sql: "DROP TRIGGER trap") }
        #expect(try await run.makeCheckpoint().step == 4)
        let control = try await House().make("run", Self.manifest(durability))
        try await step(control, 1...4)
        #expect(try await run.downloaded(4) == control.exportedBytes())
        try await house.crash()
        #expect(try house.run().status.step == 4 && house.run().status.epoch == 0)
    }
}
