import Foundation
import GRDB
import Testing

@testable import Storage

/// What was acknowledged is missed when it is not there.
@Suite struct AcknowledgedTests {
    let workspace = try! Workspace()

    @Test func aDatabaseFromBeforeARunWasMadeIsNotTakenForWhole() throws {
        let store = try workspace.open()
        let kept = try store.createRun(name: "kept", manifest: "{}")
        try store.append([1], step: 1, to: kept)
        _ = try store.withConnection { try $0.checkpoint(.truncate) }
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        try store.endAsIfKilled()
        unlink(workspace.path("database-wal"))
        let looking = #expect(throws: StorageError.self) { try Store(inspecting: workspace.path()).requireAcknowledgedRuns() }
        let starting = #expect(throws: StorageError.self) { try workspace.open() }
        for error in [looking, starting] {
            #expect(error?.message.contains("no run \(run.id), of which records were acknowledged") == true)
        }
        unlink(workspace.path("database-lock"))
        #expect(try workspace.open().runs() == [kept])
    }

    /// A run that was deleted is not missed, also when the note of it outlives it.
    @Test func aDeletedRunIsNotMissed() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        try store.deleteRun(run.id)
        #expect(store.acknowledged(of: run.id).sequence == 1)
        try store.endAsIfKilled()
        #expect(try workspace.open().runs().isEmpty)
    }

    @Test func acknowledgedRecordsAreNotedForThisFileOnlyAndUntilACleanStop() throws {
        let store = try workspace.open()
        let runs = try [store.createRun(name: "a", manifest: "{}"), store.createRun(name: "b", manifest: "{}")]
        for step in 1...3 { try store.append([1], step: step, to: runs[1]) }
        #expect(store.acknowledged(of: runs[0].id).sequence == 0)
        #expect(store.acknowledged(of: runs[1].id).sequence == 3)

        try workspace.crash(to: "crashed")
        try FileManager.default.copyItem(atPath: workspace.path("database-lock"), toPath: workspace.path("crashed-lock"))
        #expect(try workspace.open("crashed").acknowledged(of: runs[1].id).sequence == 0)

        try store.close()
        #expect(try workspace.open().acknowledged(of: runs[1].id).sequence == 0)
    }

    /// Looking finds what a start would find.
    @Test func lookingFindsALogThatEndsBeforeAnAcknowledgedRecord() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let whole = try Data(contentsOf: URL(fileURLWithPath: workspace.path("database-wal"))).count
        try store.append([2], step: 2, to: run)
        #expect(try Store(inspecting: workspace.path()).damages(of: run).isEmpty)
        try store.endAsIfKilled()
        truncate(workspace.path("database-wal"), whole)
        unlink(workspace.path("database-shm"))
        let damages = try Store(inspecting: workspace.path()).damages(of: run)
        #expect(damages.count == 1 && damages.first?.contains("record 2 was acknowledged") == true)
    }

    @Test func aDatabaseThatWasEmptiedIsNotTakenForANewOne() throws {
        let store = try workspace.open()
        try store.append([1], step: 1, to: store.createRun(name: "a", manifest: "{}"))
        try store.endAsIfKilled()
        for name in ["database", "database-wal"] { truncate(workspace.path(name), 0) }
        let error = #expect(throws: StorageError.self) { try workspace.open() }
        #expect(error?.message.contains("acknowledged") == true)
        for name in ["database", "database-wal"] { unlink(workspace.path(name)) }
        #expect(try workspace.open().runs().isEmpty)
    }

    /// A log that ends too early stays one, however often the server is stopped and started.
    @Test func aCleanStopKeepsWhatSpeaksForALostRecord() throws {
        let store = try workspace.open()
        let runs = try [store.createRun(name: "a", manifest: "{}"), store.createRun(name: "b", manifest: "{}")]
        try store.append([1], step: 1, to: runs[0])
        try store.append([1], step: 1, to: runs[1])
        try store.endAsIfKilled()
        try cutLastCommit()
        for _ in 1...2 {
            let next = try workspace.open()
            try next.requireAcknowledged(of: runs[0].id)
            let error = #expect(throws: StorageError.self) { try next.requireAcknowledged(of: runs[1].id) }
            #expect(error?.message.contains("ends with record 0, but record 1 was acknowledged") == true)
            try next.append([2], step: 2, to: runs[0])
            try next.close()
        }
        let last = try workspace.open()
        try last.deleteRun(runs[1].id)
        try last.close()
        #expect(try Data(contentsOf: URL(fileURLWithPath: workspace.path("database-lock"))).isEmpty)
    }

    /// A start that is refused must not be taken for a clean stop.
    @Test func aRefusedStartForgetsNothing() throws {
        let store = try workspace.open()
        _ = try store.withConnection { try $0.checkpoint(.truncate) }
        try store.append([1], step: 1, to: store.createRun(name: "a", manifest: "{}"))
        try store.endAsIfKilled()
        unlink(workspace.path("database-wal"))
        for _ in 1...2 { #expect(throws: StorageError.self) { try workspace.open() } }
    }

    @Test(arguments: [false, true])
    func aCheckpointThatAloneKnowsIsMissed(isRestore: Bool) throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        try store.checkpoint(run, step: 1, sequence: 1)
        if !isRestore { try store.markAhead(1, of: run.id) }
        let writer = try store.beginCheckpoint(
            of: run.id, CheckpointHeader(step: isRestore ? 0 : 9, epoch: isRestore ? 1 : 0, sequence: 1, metadata: "{}"))
        try writer.append("w", [1, 2, 3])
        _ = try writer.finish(keeping: 3, lineage: isRestore ? .restored(replacing: nil) : .continued)
        try store.requireAcknowledged(of: run.id)
        let lock = try Data(contentsOf: URL(fileURLWithPath: workspace.path("database-lock")))
        try store.execute("UPDATE checkpoint SET state = 'dropped' WHERE id = (SELECT max(id) FROM checkpoint)")
        try store.endAsIfKilled()
        try lock.write(to: URL(fileURLWithPath: workspace.path("database-lock")))
        let error = #expect(throws: StorageError.self) { try workspace.open().requireAcknowledged(of: run.id) }
        #expect(error?.message.contains("lacks a checkpoint that was acknowledged") == true)
    }

    /// The log leads to the same place.
    @Test func aCheckpointThatTheLogMakesUpForIsNotMissed() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let checkpoint = try store.checkpoint(run, step: 1, sequence: 1)
        try store.execute("UPDATE checkpoint SET state = 'dropped' WHERE id = \(checkpoint.id)")
        try store.requireAcknowledged(of: run.id)
    }

    @Test func aNoteThatIsDamagedSaysNothing() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        try store.endAsIfKilled()
        let lock = URL(fileURLWithPath: workspace.path("database-lock"))
        let whole = try Data(contentsOf: lock)
        let slot = whole.count - 24
        for byte in slot..<whole.count {
            for bit in 0..<8 {
                var notes = whole
                notes[byte] ^= 1 << bit
                try notes.write(to: lock)
                #expect(AcknowledgedRecords.notes(besides: workspace.path()).isEmpty)
            }
        }
        try whole.write(to: lock)
        #expect(AcknowledgedRecords.notes(besides: workspace.path()) == [run.id: AcknowledgedRecords.Note(sequence: 1)])
    }

    /// What a failed sync has left in the system's memory is not taken for what is on the device.
    @Test func aProcessAfterOneThatEndedInDoubtReadsTheFileAgain() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        store.suspectFailedSync()
        try store.endAsIfKilled()
        let reader = try OtherProcess(reading: workspace.path())
        let error = #expect(throws: StorageError.self) { try workspace.open() }
        #expect(error?.kind == .busy && error?.message.contains("has to be read again") == true)
        reader.end()
        let next = try workspace.open()
        #expect(try next.log(of: run).count == 1)
        try next.endAsIfKilled()
        // Once is enough.
        let another = try OtherProcess(reading: workspace.path())
        #expect(try workspace.open().log(of: run).count == 1)
        another.end()
    }

    /// Leaves a write-ahead log that ends before its last commit, whose first frame is damaged.
    private func cutLastCommit() throws {
        let wal = URL(fileURLWithPath: workspace.path("database-wal"))
        var bytes = try Data(contentsOf: wal)
        let frame = 24 + 65536
        // A commit's last frame names the size of the database.
        let commits = stride(from: 32, to: bytes.count, by: frame).filter { start in
            bytes[start + 4..<start + 8].contains { $0 != 0 }
        }
        bytes[(commits.dropLast().last ?? 32 - frame) + frame + 100] ^= 1
        try bytes.write(to: wal)
        unlink(workspace.path("database-shm"))
    }
}
