import Foundation
import GRDB
import SOAP
import Safetensors
import Testing

@testable import Storage
@testable import Training

/// The file has been opened anew: a run goes on if a start would bring it to where it stands.
@Suite struct ReadAgainTests {
    private static let manifest = #"{"optimizer": {"lr": 0.01}}"#

    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed)] }

    /// A run at step 4 with checkpoints of steps 1 (labelled), 2 and 3.
    private func houseWithCheckpoints() async throws -> (House, Run) {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        for k in 1...4 {
            try await run.put(k, gradient(k))
            if k < 4 { try await run.makeCheckpoint(label: k == 1 ? "first" : nil) }
        }
        return (house, run)
    }

    @Test func damageThatAStartDoesNotMeetRefusesNothing() async throws {
        let (house, run) = try await houseWithCheckpoints()
        try house.damageCheckpoint("min")
        unlink(house.database + "-shm")
        for k in 5...6 { try await run.put(k, gradient(k)) }
        try await house.crash()
        #expect(try house.run().status.step == 6)
    }

    @Test func aDamagedNewestCheckpointIsMadeUpForAsAtAStart() async throws {
        let (house, run) = try await houseWithCheckpoints()
        let before = try await run.snapshot().tensors
        try house.damageCheckpoint("max")
        unlink(house.database + "-shm")
        #expect(try await run.put(4, gradient(4)).isReplay)
        #expect(try await run.snapshot().tensors == before)
        #expect(house.runs.damagedCheckpointCount == 1)
        try await run.put(5, gradient(5))
        try await house.crash()
        #expect(try house.run().status.step == 5)
    }

    @Test func aDamagedRecordThatAStartNeedsRefusesTheRun() async throws {
        let (house, run) = try await houseWithCheckpoints()
        try house.execute("UPDATE log_part SET bytes = zeroblob(length(bytes)) WHERE sequence = 4")
        unlink(house.database + "-shm")
        await expectRefusal(.storageDamaged) { try await run.put(5, gradient(5)) }
        #expect(run.status.step == 4)
    }

    @Test(arguments: ["epoch = 64", "is_ahead = 64"])
    func aDamagedRowIsNotTrusted(damage: String) async throws {
        let (house, run) = try await houseWithCheckpoints()
        try house.execute("UPDATE run SET \(damage)")
        unlink(house.database + "-shm")
        let error = await expectRefusal(.storageDamaged) { try await run.put(5, gradient(5)) }
        #expect(error?.detail.hasPrefix("The run could not be read again: its row or its manifest is damaged") == true)
        #expect(error?.detail.hasSuffix(".") == true && error?.detail.hasSuffix("..") == false)
        #expect(run.status.epoch == 0)
        try await house.runs.delete(RunName("run"), epoch: nil)
    }

    @Test func anExportOfARunInDoubtHoldsWhatReachedTheDisk() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        try await run.put(1, gradient(1))
        try await run.makeCheckpoint()
        try await house.whileSyncsFail(reachesDisk: true) {
            await expectRefusal(.commitUnknown) { try await run.patch(#"{"optimizer": {"lr": 0.5}}"#) }
        }
        _ = try await run.upToDateCheckpoint()
        #expect(run.status.manifest.settings.options.learningRate == 0.5)
        #expect(await run.checkpointing.changes == 0)
    }

    /// Their number decides when a checkpoint is due.
    @Test func bytesOfARecordInDoubtCountOnce() async throws {
        let patch = #"{"optimizer": {"lr": 0.5}}"#
        var counts: [Int] = []
        for isInDoubt in [false, true] {
            let house = try await House()
            let run = try await house.make("run", Self.manifest)
            try await run.put(1, gradient(1))
            if isInDoubt {
                try await house.whileSyncsFail(reachesDisk: true) {
                    await expectRefusal(.commitUnknown) { try await run.patch(patch) }
                }
                try await run.put(1, gradient(1))
            } else {
                try await run.patch(patch)
            }
            counts.append(await run.checkpointing.logByteCount)
        }
        #expect(counts[0] == counts[1])
    }
}

extension House {
    /// - Parameter which: of all complete checkpoints, `min` for the oldest, `max` for the newest.
    fileprivate func damageCheckpoint(_ which: String) throws {
        try execute(
            "UPDATE tensor SET sha256 = zeroblob(32) WHERE checkpoint = (SELECT \(which)(id) FROM checkpoint WHERE state = 'complete')")
    }

    fileprivate func execute(_ sql: String) throws {
        try store.withConnection { try $0.execute(sql: sql) }
    }
}
