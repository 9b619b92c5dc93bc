import Foundation
import GRDB
import Memory
import Safetensors
import StrictJSON
import Testing

@testable import Storage
@testable import Training

/// An import is durable when it is answered, under every durability, and a failed one has changed nothing.
struct ImportDurabilityTests {
    private func manifest(_ durability: String) -> String {
        #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)", "checkpoint_every": 1000}}"#
    }

    /// A state at step 5.
    private func file(hostingWeights: Bool = false) async throws -> AlignedBuffer {
        let run = try await House().make("run", manifest("log"))
        if hostingWeights { try await run.hostWeights(body([.gradient("w", [4, 3], 70)]), epoch: nil) }
        for k in 1...5 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        return try await run.exported()
    }

    /// Waits until the checkpoint that an import caused is complete.
    private func settle(_ run: Run) async throws {
        for _ in 0..<200 {
            guard await run.checkpointing.isScheduled else { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("the checkpoint that is due was not made")
    }

    @Test(arguments: ["log", "checkpoint", "memory"])
    func aCrashRightAfterAnImportLosesNothing(_ durability: String) async throws {
        let file = try await file()
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        for k in 1...2 { try await run.put(k, [.gradient("w", [4, 3], 10 + k)]) }
        let files = try await run.importing(file, keeping: house.database)
        #expect(run.status.durableStep == 5 && run.status.epoch == 1)
        try await settle(run)
        var expected = try await run.snapshot()
        #expect(expected.logEntries == 0, "the checkpoint after it takes the import out of the log")
        #expect(try await run.checkpoints().map(\.step) == [5])
        try await house.crash { database in
            for (suffix, data) in files { try data.write(to: URL(fileURLWithPath: database + suffix)) }
        }
        let recovered = try house.run()
        let found = try await recovered.snapshot()
        #expect(found.logEntries > 0, "this start had the log only")
        expected.logEntries = found.logEntries
        #expect(found == expected)
        #expect(recovered.status.epoch == 1 && recovered.status.durableStep == 5, "nothing was lost, so the epoch stays")
        await expectRefusal(.alreadyApplied) { try await recovered.put(5, [.gradient("w", [4, 3], 5)]) }
        #expect(
            try await Answered(recovered.put(6, [.gradient("w", [4, 3], 6)])).raw == Answered(run.put(6, [.gradient("w", [4, 3], 6)])).raw)
        try await settle(recovered)
        #expect(try await recovered.checkpoints().map(\.step) == [6], "it is made up for at the next step")
    }

    @Test(arguments: ["log", "checkpoint", "memory"])
    func stepsAfterAnImportAreAsDurableAsOthers(_ durability: String) async throws {
        let file = try await file()
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        try await run.importState(file, epoch: nil)
        try await settle(run)
        try await run.put(6, [.gradient("w", [4, 3], 6)])
        try await house.crash()
        let status = try house.run().status
        #expect(status.step == (durability == "log" ? 6 : 5))
        #expect(status.epoch == (durability == "log" ? 1 : 2))
    }

    @Test func aSecondImportIsReplayedAfterTheFirst() async throws {
        let first = try await file()
        let house = try await House()
        let run = try await house.make("run", manifest("log"))
        let later = try await House().make("run", manifest("log"))
        try await later.put(1, [.gradient("w", [4, 3], 40)])
        let second = try await later.exported()
        let files = try await run.importingTwice(first, second, keeping: house.database)
        try await settle(run)
        let expected = try await run.snapshot()
        try await house.crash { database in
            for (suffix, data) in files { try data.write(to: URL(fileURLWithPath: database + suffix)) }
        }
        var found = try await house.run().snapshot()
        #expect(found.logEntries == 3)
        found.logEntries = 0
        #expect(found == expected && found.epoch == 2 && found.step == 1)
    }

    /// Under `checkpoint` neither steps nor weights are in the log, so that an import alone could not bring them back.
    @Test(arguments: ["log", "checkpoint", "memory"])
    func weightsThatStayAreThoseOfTheImport(_ durability: String) async throws {
        let file = try await file()
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        try await run.hostWeights(body([.gradient("w", [4, 3], 80)]), epoch: nil)
        for k in 1...2 { try await run.put(k, [.gradient("w", [4, 3], 10 + k)]) }
        let weights = try await Answered(run.weights()).raw
        let files = try await run.importing(file, keeping: house.database)
        try await house.crash { database in
            for (suffix, data) in files { try data.write(to: URL(fileURLWithPath: database + suffix)) }
        }
        #expect(try await Answered(house.run().weights()).raw == weights)
        #expect(try house.run().status.step == 5 && house.run().status.epoch == 1)
    }

    /// Before the checkpoint that follows an import, all of it is in the log.
    @Test func aRestoreGoesBackToAnImportOrToAStepBeforeIt() async throws {
        let file = try await file()
        for target in [5, 2] {
            let house = try await House()
            let run = try await house.make("run", manifest("log"))
            for k in 1...2 { try await run.put(k, [.gradient("w", [4, 3], 10 + k)]) }
            let before = try await run.snapshot()
            let (imported, restored) = try await run.importing(file, andGoingBackTo: target)
            var expected = target == 5 ? imported : before
            (expected.epoch, expected.logEntries) = (2, 0)
            #expect(restored == expected)
            try await house.crash()
            #expect(try await house.run().snapshot() == expected)
        }
    }

    @Test(arguments: ["log", "checkpoint"], ["BEFORE UPDATE ON log_entry WHEN NEW.kind = 'import'", "BEFORE UPDATE OF epoch ON run"])
    func aFailedCommitLeavesEverythingAsItWas(_ durability: String, _ event: String) async throws {
        let file = try await file(hostingWeights: true)
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        try await run.hostWeights(body([.gradient("w", [4, 3], 80)]), epoch: nil)
        try await run.put(1, [.gradient("w", [4, 3], 11)])
        let before = try await run.snapshot()
        let queue = try DatabaseQueue(path: house.database)
        try await queue.write { try $0.execute(sql: "CREATE TRIGGER refusal \(event) BEGIN SELECT RAISE(ABORT, 'no'); END") }
        await expectRefusal(.storageUnavailable) { try await run.importState(file, epoch: nil) }
        #expect(try await run.snapshot() == before)
        #expect(run.status.epoch == 0 && run.status.step == 1)
        #expect(try await run.put(1, [.gradient("w", [4, 3], 11)]).isReplay)
        try await queue.write { try $0.execute(sql: "DROP TRIGGER refusal") }
        try await run.importState(file, epoch: 0)
        #expect(run.status.epoch == 1 && run.status.step == 5)
    }
}

extension Run {
    fileprivate func importing(
        _ body: AlignedBuffer, andGoingBackTo target: Int
    ) throws -> (imported: Snapshot, restored: Snapshot) {
        try importState(body, epoch: nil)
        let imported = try snapshot()
        try put(6, [.gradient("w", [4, 3], 6)])
        #expect(try restore(to: target, epoch: 1).step == target)
        return (imported, try snapshot())
    }

    fileprivate func importingTwice(_ first: AlignedBuffer, _ second: AlignedBuffer, keeping database: String) throws -> [String: Data] {
        try importState(first, epoch: nil)
        try put(6, [.gradient("w", [4, 3], 6)])
        return try importing(second, keeping: database)
    }
}
