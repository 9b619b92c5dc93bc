import Foundation
import Memory
import SOAP
import Safetensors
import Storage
import StrictJSON
import Testing

@testable import Training

/// Rule 8: after a failed sync the same request again gives the right answer, whether its record reached the disk or not.
@Suite struct DoubtTests {
    private static let manifest = #"{"optimizer": {"lr": 0.01}}"#

    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed)] }

    /// What fails after memory was lost, a checkpoint beside the step for one, must not make anybody rely on it again.
    @Test func lostMemoryStaysLostWhateverElseFails() {
        for (before, after) in [(Run.Agreement.whole, Run.Agreement.inDoubt), (.inDoubt, .inDoubt), (.lost, .lost)] {
            var agreement = before
            agreement.doubt()
            #expect(agreement == after)
        }
    }

    @Test(arguments: [false, true])
    func aStepInDoubtIsAnsweredWhenItIsSentAgain(reachesDisk: Bool) async throws {
        let (house, calm) = (try await House(), try await House())
        let (run, undisturbed) = (try await house.make("run", Self.manifest), try await calm.make("run", Self.manifest))
        for k in 1...3 {
            try await run.put(k, gradient(k))
            try await undisturbed.put(k, gradient(k))
        }
        let before = try await run.snapshot()
        try await house.whileSyncsFail(reachesDisk: reachesDisk) {
            await expectRefusal(.commitUnknown) { try await run.put(4, gradient(4)) }
            #expect(run.status.step == 3 && run.status.durableStep == 3)
            await expectRefusal(.storageUnavailable) { try await run.put(4, gradient(4)) }
            await expectRefusal(.storageUnavailable) { _ = try await run.description() }
            await #expect(throws: TrainingError.self) { try await house.runs.checkStorage() }
        }
        if !reachesDisk {
            _ = try await run.description()
            #expect(try await run.snapshot() == before, "memory is what the disk holds")
        }
        let answer = try await run.put(4, gradient(4))
        let expected = try await undisturbed.put(4, gradient(4))
        #expect(answer.isReplay == reachesDisk)
        #expect(answer.content.map { Array($0.bytes) } == expected.content.map { Array($0.bytes) })
        #expect(try await run.snapshot() == undisturbed.snapshot())
        #expect(answer.durableStep == 4)
        try await house.crash()
        #expect(try await house.run().put(4, gradient(4)).isReplay)
        try await house.run().put(5, gradient(5))
        try await undisturbed.put(5, gradient(5))
        #expect(try await house.run().snapshot().tensors == undisturbed.snapshot().tensors)
    }

    /// The body of a refused step may hold what the client never sends again.
    @Test func aStepThatWasLostInDoubtMayBeAnotherOne() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        try await run.put(1, gradient(1))
        try await house.whileSyncsFail(reachesDisk: false) {
            await expectRefusal(.commitUnknown) { try await run.put(2, [.gradient("v", [2, 2], 9)]) }
        }
        let answer = try await run.put(2, gradient(2))
        #expect(!answer.isReplay)
        #expect(run.status.parameterCount == 1)
    }

    @Test(arguments: [false, true])
    func aStepOfOneParameterIsInDoubtLikewise(reachesDisk: Bool) async throws {
        let house = try await House()
        let run = try await house.make("run", Course.parameterLevel.manifest)
        for k in 1...4 { _ = try await Course.parameterLevel.step(run, k) }
        try await house.whileSyncsFail(reachesDisk: reachesDisk) {
            await expectRefusal(.commitUnknown) { _ = try await Course.parameterLevel.step(run, 5) }
        }
        #expect(try await Course.parameterLevel.step(run, 5).isReplay == reachesDisk)
        #expect(try await run.description()["step"] == 2)
    }

    @Test(arguments: [false, true])
    func aPatchInDoubtHoldsOrNot(reachesDisk: Bool) async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        try await run.put(1, gradient(1))
        try await house.whileSyncsFail(reachesDisk: reachesDisk) {
            await expectRefusal(.commitUnknown) { try await run.patch(#"{"optimizer": {"lr": 0.5}}"#) }
            #expect(run.status.manifest.settings.options.learningRate == 0.01)
        }
        try await run.put(2, gradient(2))
        #expect(run.status.manifest.settings.options.learningRate == (reachesDisk ? 0.5 : 0.01))
    }

    /// Its checkpoint takes several commits: whatever becomes of the first, the restore is still to come. Of its last see
    /// `aRestoreThatCameThroughHasHappened`.
    @Test(arguments: [false, true])
    func aRestoreWhoseFirstCommitIsInDoubtHasNotHappened(reachesDisk: Bool) async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        for k in 1...3 { try await run.put(k, gradient(k)) }
        try await house.whileSyncsFail(reachesDisk: reachesDisk) {
            await expectRefusal(.commitUnknown) { _ = try await run.restore(to: 1, epoch: nil) }
        }
        _ = try await run.description()
        #expect(run.status.step == 3 && run.status.epoch == 0)
        #expect(try await run.restore(to: 1, epoch: 0).step == 1)
        try await run.put(2, gradient(2), epoch: 1)
    }

    @Test(arguments: ["memory", "checkpoint"])
    func stepsThatAreOnlyInMemoryOutliveAFailedCheckpoint(durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)"}}"#)
        for k in 1...3 { try await run.put(k, gradient(k)) }
        try await house.whileSyncsFail(reachesDisk: false) {
            await expectRefusal(.commitUnknown) { try await run.makeCheckpoint() }
        }
        try await run.put(4, gradient(4))
        #expect(try await run.makeCheckpoint().step == 4)
        try await house.crash()
        #expect(try house.run().status.step == 4)
    }

    @Test(arguments: [false, true])
    func aRunThatWasMadeInDoubtIsThereWhenItIsMadeAgain(reachesDisk: Bool) async throws {
        let house = try await House()
        try await house.make("other", Self.manifest)
        try await house.whileSyncsFail(reachesDisk: reachesDisk) {
            await expectRefusal(.commitUnknown) { try await house.make("run", Self.manifest) }
        }
        let run = try await house.make("run", Self.manifest)
        try await run.put(1, gradient(1))
        try await house.crash()
        #expect(try house.run().status.step == 1)
    }

    @Test func aRunThatWasDeletedInDoubtIsGone() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        try await run.put(1, gradient(1))
        try await house.whileSyncsFail(reachesDisk: true) {
            await expectRefusal(.commitUnknown) { try await house.runs.delete(RunName("run"), epoch: nil) }
        }
        await expectRefusal(.unknownRun) { try await run.put(2, gradient(2)) }
        try await house.make("run", Self.manifest)
    }

    @Test(arguments: [false, true])
    func aDeletionInDoubtIsSentAgain(reachesDisk: Bool) async throws {
        let house = try await House()
        try await house.make("run", Self.manifest).put(1, gradient(1))
        try await house.whileSyncsFail(reachesDisk: reachesDisk) {
            await expectRefusal(.commitUnknown) { try await house.runs.delete(RunName("run"), epoch: nil) }
        }
        try await house.runs.delete(RunName("run"), epoch: nil)
        await expectRefusal(.unknownRun) { try await house.runs.delete(RunName("run"), epoch: nil) }
    }

    @Test(arguments: [false, true])
    func aRunIsMadeAfterADeletionInDoubt(reachesDisk: Bool) async throws {
        let house = try await House()
        try await house.make("run", Self.manifest).put(1, gradient(1))
        try await house.whileSyncsFail(reachesDisk: reachesDisk) {
            await expectRefusal(.commitUnknown) { try await house.runs.delete(RunName("run"), epoch: nil) }
        }
        let made = try await house.runs.make(RunName("run"), manifest: JSONValue(parsing: Array(Self.manifest.utf8)))
        #expect(made.isNew == reachesDisk)
        #expect(made.run.status.step == (reachesDisk ? 0 : 1))
        try await made.run.put(reachesDisk ? 1 : 2, gradient(2))
    }

    /// A restore that came through raised the epoch, of which the deletion's sender knows nothing.
    @Test func aDeletionIsFencedByTheEpochOnTheDisk() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        for k in 1...2 { try await run.put(k, gradient(k)) }
        try house.store.setEpoch(1, of: await run.id)
        unlink(house.database + "-shm")
        await expectRefusal(.epochFenced) { try await house.runs.delete(RunName("run"), epoch: 0) }
        try await house.runs.delete(RunName("run"), epoch: 1)
    }

    /// SQLite takes a log to end at the first frame that is not whole.
    @Test func aLogThatEndsBeforeAnAcknowledgedRecordStopsItsRunAlone() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        try await house.make("other", Self.manifest).put(1, gradient(1))
        try await run.put(1, gradient(1))
        let whole = try Data(contentsOf: URL(fileURLWithPath: house.database + "-wal")).count
        try await run.put(2, gradient(2))
        try await house.crashInPlace { database in
            let wal = URL(fileURLWithPath: database + "-wal")
            var bytes = try Data(contentsOf: wal)
            bytes[whole + 100] ^= 1
            try bytes.write(to: wal)
        }
        let error = await expectRefusal(.runDamaged) { _ = try house.run() }
        #expect(error?.detail.contains("record 2 was acknowledged") == true)
        #expect(try house.run("other").status.step == 1)
    }
}
