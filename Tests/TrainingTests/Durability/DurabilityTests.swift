import Foundation
import GRDB
import Memory
import Safetensors
import StrictJSON
import Testing

@testable import Storage
@testable import Training

struct DurabilityTests {
    private func manifest(_ durability: String, _ rest: String = "") -> String {
        #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)"\#(rest)}}"#
    }

    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed)] }

    /// Waits until a checkpoint that a step caused is complete; it queues behind that step.
    private func settled(_ run: Run) async throws -> [Int] {
        for _ in 0..<200 {
            let isScheduled = await run.checkpointing.isScheduled
            if !isScheduled { break }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try await run.checkpoints().map(\.step)
    }

    // MARK: What survives

    @Test func underLogEveryAnsweredStepSurvives() async throws {
        let house = try await House()
        let run = try await house.make("run", manifest("log"))
        for k in 1...3 { #expect(try await run.put(k, gradient(k)).durableStep == k) }
        try await house.crash()
        let status = try house.run().status
        #expect(status.step == 3 && status.durableStep == 3 && status.epoch == 0)
    }

    @Test(arguments: ["checkpoint", "memory"])
    func otherwiseACrashGoesBackToTheCheckpointAndRaisesTheEpoch(_ durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        for k in 1...2 { #expect(try await run.put(k, gradient(k)).durableStep == 0) }
        #expect(try await run.makeCheckpoint().step == 2)
        #expect(run.status.durableStep == 2)
        for k in 3...4 { #expect(try await run.put(k, gradient(k)).durableStep == 2) }
        try await house.crash()
        let recovered = try house.run()
        #expect(recovered.status.step == 2 && recovered.status.epoch == 1 && recovered.status.durableStep == 2)
        await expectRefusal(.epochFenced) { try await recovered.put(3, gradient(3), epoch: 0) }
        let again = try await recovered.put(2, gradient(2), epoch: 1)
        #expect(again.isReplay && again.epoch == 1)
        try await house.crash()
        #expect(try house.run().status.epoch == 1, "nothing was lost the second time")
    }

    @Test(arguments: ["checkpoint", "memory"])
    func aCrashBeforeTheFirstCheckpointBeginsAnew(_ durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        try await run.put(1, gradient(1))
        try await house.crash()
        let status = try house.run().status
        #expect(status.step == 0 && status.epoch == 1 && status.parameterCount == 0)
    }

    @Test(arguments: ["log", "checkpoint", "memory"])
    func aCleanStopLosesNothingAndKeepsTheEpoch(_ durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        for k in 1...3 { try await run.put(k, gradient(k)) }
        try await house.restart()
        let found = try house.run()
        #expect(found.status.step == 3 && found.status.epoch == 0 && found.status.durableStep == 3)
        #expect(try await found.snapshot().logEntries == 0)
        try await house.crash()
        #expect(try house.run().status.epoch == 0 && house.run().status.step == 3)
        try await house.restart()
        #expect(try await house.run().checkpoints().map(\.step) == [3], "a run that stood still needs no other checkpoint")
    }

    /// Like a patch or an import, and unlike a step, weights are put once.
    @Test(arguments: ["log", "checkpoint", "memory"])
    func weightsThatWerePutOutliveACrashInEveryDurability(_ durability: String) async throws {
        let house = try await House()
        try await house.make("run", manifest(durability)).hostWeights(body(gradient(1)), epoch: nil)
        try await house.crash()
        #expect(try await Answered(house.run().weights()).floats("w") == noise(12, 1))
        #expect(try house.run().status.epoch == 0)
    }

    @Test func atParameterLevelTheDurableStepIsTheParameters() async throws {
        let house = try await House()
        let run = try await house.make(
            "run",
            #"{"optimizer": {"lr": 1}, "parameters": [{"name": "a", "shape": [2]}, {"name": "b", "shape": [2]}], "policy": {"durability": "checkpoint"}}"#
        )
        for k in 1...3 { #expect(try await run.put(k, of: "a", bytes(of: noise(2, k))).durableStep == 0) }
        try await run.makeCheckpoint()
        #expect(try await run.put(3, of: "a", bytes(of: noise(2, 3))).durableStep == 3)
        #expect(try await run.put(1, of: "b", bytes(of: noise(2, 1))).durableStep == 0)
        try await house.crash()
        #expect(try await house.run().put(3, of: "a", bytes(of: noise(2, 3))).durableStep == 3)
    }

    // MARK: When a checkpoint is made

    @Test func aCheckpointIsMadeEverySoManySteps() async throws {
        let run = try await House().make("run", manifest("log", #", "checkpoint_every": 3, "keep_checkpoints": 2"#))
        for k in 1...10 {
            try await run.put(k, gradient(k))
            _ = try await settled(run)
        }
        #expect(try await settled(run) == [6, 9])
        #expect(try await run.snapshot().logEntries == 1)
    }

    @Test func weightsAreNoStepAndDoNotBringACheckpointForward() async throws {
        let run = try await House().make("run", manifest("log", #", "checkpoint_every": 3"#))
        for k in 1...3 {
            try await run.hostWeights(body([.gradient("w", [4, 3], 9)]), epoch: nil)
            #expect(try await settled(run).isEmpty)
            try await run.put(k, [.gradient("w", [4, 3], k)])
        }
        #expect(try await settled(run) == [3])
    }

    @Test func atParameterLevelAStepOfEachCountsAsOne() async throws {
        let run = try await House().make(
            "run",
            #"{"optimizer": {"lr": 1}, "parameters": [{"name": "a", "shape": [2]}, {"name": "b", "shape": [2]}], "policy": {"checkpoint_every": 2}}"#
        )
        for k in 1...2 {
            try await run.put(k, of: "a", bytes(of: noise(2, k)))
            #expect(try await settled(run).isEmpty)
            try await run.put(k, of: "b", bytes(of: noise(2, k)))
        }
        #expect(try await settled(run) == [2])
    }

    @Test func aCheckpointIsMadeWhenTheLogExceedsFourTimesTheState() async throws {
        let run = try await House().make("run", manifest("log", #", "checkpoint_every": 1000000"#))
        let side = 40
        let state = 8 * 3 * side * side
        let bodyBytes = try body([.gradient("w", [side, side], 1)]).count
        let first = 4 * state / bodyBytes + 1
        for k in 1...first {
            #expect(try await settled(run).isEmpty)
            try await run.put(k, [.gradient("w", [side, side], k)])
        }
        #expect(try await settled(run) == [first])
    }

    @Test func underMemoryNoCheckpointIsMadeUnasked() async throws {
        let run = try await House().make("run", manifest("memory", #", "checkpoint_every": 1"#))
        for k in 1...5 { try await run.put(k, gradient(k)) }
        #expect(try await settled(run).isEmpty)
        #expect(try await run.snapshot().logEntries == 0)
    }

    @Test func labelledCheckpointsStay() async throws {
        let house = try await House()
        let run = try await house.make("run", manifest("log", #", "keep_checkpoints": 1"#))
        for k in 1...4 {
            try await run.put(k, gradient(k))
            #expect(try await run.makeCheckpoint(label: k == 2 ? "best" : nil).label == (k == 2 ? "best" : nil))
        }
        #expect(try await run.checkpoints().map(\.step) == [2, 4])
        try await house.restart()
        let found = try await house.run().checkpoints()
        #expect(found.map(\.label) == ["best", nil])
        #expect(try await house.run().checkpoint(at: 2).label == "best")
        await expectRefusal(.unknownCheckpoint) { _ = try await house.run().checkpoint(at: 3) }
    }

    @Test func aCheckpointDownloadsAsOneFile() async throws {
        let run = try await House().make("run", manifest("log"))
        try await run.hostWeights(body(gradient(5)), epoch: nil)
        try await run.put(1, gradient(1))
        try await run.makeCheckpoint()
        let snapshot = try await run.snapshot()
        let download = try await run.download(checkpointAt: 1)
        let whole = try await download.whole()
        #expect(whole.count == download.byteCount)
        let file = try Answered(buffer(whole))
        #expect(file.names == ["w.exp_avg", "w.exp_avg_sq", "w.factor.0", "w.factor.1", "w.basis.0", "w.basis.1", "w.weight"])
        #expect(file.bytes("w.exp_avg") == snapshot.tensors["w exp_avg"])
        #expect(file.bytes("w.basis.1") == snapshot.tensors["w basis.1"])
        #expect(file.bytes("w.weight") == snapshot.tensors["w weights"])
    }

    @Test func aDamagedCheckpointDoesNotDownloadToTheEnd() async throws {
        let house = try await House()
        let run = try await house.make("run", manifest("log"))
        try await run.put(1, gradient(1))
        try await run.makeCheckpoint()
        try house.store.write { try $0.execute(sql: "UPDATE tensor_part SET bytes = zeroblob(length(bytes))") }
        let download = try await run.download(checkpointAt: 1)
        await expectRefusal(.storageDamaged) { _ = try await download.whole() }
    }

    // MARK: When the database fails

    private func setTrap(_ table: String, in store: Store) throws {
        try store.write {
            try $0.execute(sql: "CREATE TEMP TRIGGER trap BEFORE INSERT ON main.\(table) BEGIN SELECT RAISE(ABORT, 'trapped'); END")
        }
    }

    private func removeTrap(in store: Store) throws {
        try store.write { try $0.execute(sql: "DROP TRIGGER trap") }
    }

    @Test func aStepThatCannotBeLoggedChangesNothingAndCanBeSentAgain() async throws {
        let house = try await House()
        let run = try await house.make("run", manifest("log"))
        let control = try await House().make("run", manifest("log"))
        for run in [run, control] { try await run.put(1, gradient(1)) }
        let before = try await run.snapshot()
        try setTrap("log_entry", in: house.store)
        await expectRefusal(.storageUnavailable) { try await run.put(2, gradient(2) + [.gradient("new", [9], 1)]) }
        await expectRefusal(.storageUnavailable) { try await run.hostWeights(body(gradient(2)), epoch: nil) }
        #expect(try await run.snapshot() == before)
        #expect(run.status.step == 1)
        try removeTrap(in: house.store)
        let answer = try await Answered(run.put(2, gradient(2)))
        #expect(try await answer.raw == Answered(control.put(2, gradient(2))).raw)
        try await house.crash()
        #expect(try await Answered(house.run().put(2, gradient(2))).raw == answer.raw)
    }

    /// A probe's page may still fit where steps do not, so refused writes count for a while.
    @Test func aRefusedWriteMeansNotReadyUntilAnotherSucceeds() async throws {
        let house = try await House()
        let health = StorageHealth(store: house.store)
        try health.check()
        await expectRefusal(.storageFull) {
            try health.writing { () throws(StorageError) in throw StorageError(.full, "No space.") }
        }
        await expectRefusal(.storageUnavailable) { try health.check() }
        try health.writing { () throws(StorageError) in }
        try health.check()
        // What is wrong with a request, or with one run, says nothing of the disk.
        for kind in [StorageError.Kind.notFound, .nameTaken, .corrupt(what: "A run"), .conflict, .other] {
            #expect(throws: TrainingError.self) {
                try health.writing { () throws(StorageError) in throw StorageError(kind, "No.") }
            }
            try health.check()
        }
    }

    @Test func aFailedCheckpointHarmsNoStepAndIsTriedAgainLater() async throws {
        let house = try await House()
        let run = try await house.make("run", manifest("log", #", "checkpoint_every": 2"#))
        try setTrap("tensor", in: house.store)
        for k in 1...3 {
            try await run.put(k, gradient(k))
            #expect(try await settled(run).isEmpty)
        }
        await expectRefusal(.storageUnavailable) { try await run.makeCheckpoint() }
        #expect(house.log.lines.contains { $0.contains("checkpoint failed") })
        try removeTrap(in: house.store)
        try await run.put(4, gradient(4))
        #expect(try await settled(run) == [4])
    }

    @Test func aStopWhoseCheckpointFailsSaysSoAndLosesNoLoggedStep() async throws {
        let house = try await House()
        for durability in ["log", "checkpoint"] {
            try await house.make(durability, manifest(durability)).put(1, gradient(1))
        }
        let run = try house.run("log")
        try setTrap("tensor", in: house.store)
        #expect(await house.runs.finish() == false)
        #expect(house.log.lines.filter { $0.contains("last checkpoint failed") }.count == 2)
        await expectRefusal(.shuttingDown) { try await run.put(2, gradient(2)) }
        await expectRefusal(.shuttingDown) { _ = try house.run("log") }
        try await house.crash()
        #expect(try house.run("log").status.step == 1 && house.run("log").status.epoch == 0)
        #expect(try house.run("checkpoint").status.step == 0 && house.run("checkpoint").status.epoch == 1)
    }

    @Test(arguments: [
        (StorageError.Kind.syncFailed, TrainingError.Code.commitUnknown), (.full, .storageFull), (.io, .storageUnavailable),
        (.readOnly, .storageUnavailable), (.busy, .storageUnavailable),
    ])
    func whatFailedInTheDatabaseIsToldApart(_ kind: StorageError.Kind, _ code: TrainingError.Code) {
        #expect(TrainingError(StorageError(kind, "Something.")).code == code)
    }
}
