import Foundation
import GRDB
import Memory
import Safetensors
import StrictJSON
import Testing

@testable import Storage
@testable import Training

/// Memory that may not be relied on never gets into a checkpoint, and a run that cannot be read again harms nobody else.
@Suite struct LostRunTests {
    private static let manifest = #"{"optimizer": {"lr": 0.01}, "policy": {"checkpoint_every": 3}}"#

    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed)] }

    /// A house whose run has taken steps, with a record of its log that cannot be read, and that has to be read again.
    private func houseWithALostRun(damagedRecord: Int) async throws -> (House, Run) {
        let house = try await House()
        let run = try await house.make("run", LostRunTests.manifest)
        try await house.make("other", LostRunTests.manifest).put(1, gradient(1))
        for k in 1...5 {
            try await run.put(k, gradient(k))
            while k == 3, try await run.checkpoints().isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        }
        try house.store.execute("UPDATE log_part SET bytes = zeroblob(length(bytes)) WHERE sequence = \(damagedRecord)")
        await run.lose()
        return (house, run)
    }

    @Test func aLostRunIsNotCheckpointedAtAStop() async throws {
        let (house, run) = try await houseWithALostRun(damagedRecord: 5)
        await expectRefusal(.storageDamaged) { try await run.put(6, gradient(6)) }
        #expect(await !house.runs.finish())
        try house.store.close()
        try await house.crash()
        await expectRefusal(.runDamaged) { _ = try house.run() }
        #expect(try house.run("other").status.step == 1)
    }

    @Test func aLostRunIsNotCheckpointedOnRequest() async throws {
        let (house, run) = try await houseWithALostRun(damagedRecord: 5)
        await expectRefusal(.storageDamaged) { try await run.makeCheckpoint() }
        await run.beDueForACheckpoint()
        await expectRefusal(.storageDamaged) { try await run.makeCheckpoint() }
        try await Task.sleep(for: .milliseconds(100))
        let row = try #require(try house.store.run(named: "run"))
        #expect(try house.store.checkpoints(of: row.id).map(\.header.step) == [3])
        try await house.run("other").put(2, gradient(2))
    }

    @Test func aLostRunCanBeDeleted() async throws {
        let (house, _) = try await houseWithALostRun(damagedRecord: 5)
        try await house.runs.delete(RunName("run"), epoch: nil)
        try await house.make("run", LostRunTests.manifest).put(1, gradient(1))
    }

    @Test func aLostRunIsReadAgain() async throws {
        let house = try await House()
        let run = try await house.make("run", LostRunTests.manifest)
        for k in 1...4 { try await run.put(k, gradient(k)) }
        let before = try await run.snapshot().tensors
        await run.lose()
        #expect(try await run.put(4, gradient(4)).isReplay)
        #expect(try await run.snapshot().tensors == before)
        // Its checkpoints go on as before.
        for k in 5...9 {
            try await run.put(k, gradient(k))
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await run.checkpoints().last?.step ?? 0 > 4)
    }

    /// Read again from the checkpoint before, it makes the missing one, and those after it.
    @Test func aRunThatFellBackMakesCheckpointsAgain() async throws {
        let house = try await House()
        let run = try await house.make("run", LostRunTests.manifest)
        for k in 1...3 {
            try await run.put(k, gradient(k))
            if k > 1 { try await run.makeCheckpoint() }
        }
        try await run.put(4, gradient(4))
        try house.store.execute("UPDATE tensor SET sha256 = zeroblob(32) WHERE checkpoint = (SELECT max(id) FROM checkpoint)")
        await run.lose()
        for k in 5...15 {
            try await run.put(k, gradient(k))
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await run.checkpoints().last?.step ?? 0 > 9)
        #expect(house.runs.metrics.damagedCheckpoints == 1)
    }

    /// What another server wrote while the lock was gone is found, and not written over.
    @Test func aRecordOfSomebodyElseIsFound() async throws {
        let house = try await House()
        let run = try await house.make("run", LostRunTests.manifest)
        for k in 1...3 { try await run.put(k, gradient(k)) }
        let row = try #require(try house.store.run(named: "run"))
        var attributes = ""
        try house.store.forEachLogEntry(of: row.id, inReserve: true) { record, _ in attributes = record.entry.attributes }
        let sent = try body(gradient(4))
        let entry = LogEntry(kind: .step, step: 4, epoch: 0, attributes: attributes, bodyDigest: Training.sha256(sent.bytes))
        try house.store.append(entry, body: [sent.bytes], to: row.id)
        await #expect(throws: TrainingError.self) { try await run.put(4, gradient(5)) }
        #expect(try await run.put(4, gradient(4)).isReplay)
        try await run.put(5, gradient(5))
        try await house.crash()
        #expect(try house.run().status.step == 5)
    }

    /// A restore whose last commit reached the disk although its sync failed has happened, also when the server stops.
    @Test(arguments: [false, true])
    func aRestoreThatCameThroughHasHappened(stops: Bool) async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1...3 { try await run.put(k, gradient(k)) }
        try await run.restoreInDoubt(through: 1)
        if stops {
            #expect(await house.runs.finish())
            try house.store.close()
            try await house.crash()
        }
        _ = try await house.run().description()
        #expect(try house.run().status.step == 1 && house.run().status.epoch == 1)
        try await house.run().put(2, gradient(2), epoch: 1)
    }

    @Test(.timeLimit(.minutes(1))) func readinessDoesNotWaitForMemory() async throws {
        let house = try await House(memoryBudget: 1 << 20)
        #expect(house.runs.ledger.lend(1 << 20))
        let making = Task {
            try await house.make("run", #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [16, 16]}]}"#)
        }
        // Nothing is lent, not even nothing, while somebody waits.
        while house.runs.ledger.lend(0) { try await Task.sleep(for: .milliseconds(1)) }
        try await house.runs.checkStorage()
        #expect(!house.runs.ledger.lend(0), "the run still waits")
        house.runs.ledger.takeBack(1 << 20)
        _ = try await making.value
    }
}

extension Run {
    fileprivate func beDueForACheckpoint() {
        checkpointing.logByteCount = 1 << 30
    }

    /// What ``restore(to:epoch:)`` leaves behind when its last sync failed.
    fileprivate func restoreInDoubt(through last: Int64) throws {
        let past = Run(besides: self, epoch: epoch + 1)
        try past.assumeIsolated { past in
            try past.begin(from: nil)
            try past.replayLog(after: 0, through: last)
            past.checkpointing.logSequence = try past.store.lastSequence(of: past.id)
            _ = try CheckpointSnapshot(of: past).write(to: past.store, lineage: .restored(replacing: nil))
            past.close()
        }
        agreement = .inDoubt
    }
}

extension Store {
    func execute(_ sql: String) throws {
        try withConnection { try $0.execute(sql: sql) }
    }
}
