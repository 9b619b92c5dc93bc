import Foundation
import GRDB
import Memory
import Testing

@testable import Storage

/// Crashes, damage and full disks.
@Suite struct FaultTests {
    let workspace = try! Workspace()

    @Test func aCrashKeepsEveryCommittedEntryAndNoUnfinishedCheckpoint() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append(noise(2500), step: 1, to: run)
        try workspace.crash(to: "after the entry")
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 1, epoch: 0, sequence: 1, metadata: "{}"))
        try writer.append("a", noise(300_000))
        try workspace.crash(to: "within the checkpoint")
        try store.append(noise(10), step: 2, to: run)
        try workspace.crash(to: "after another entry")
        _ = try writer.finish(keeping: 1)
        try workspace.crash(to: "after the checkpoint")

        for (name, bodies, checkpoints) in [
            ("after the entry", [noise(2500)], 0), ("within the checkpoint", [noise(2500)], 0),
            ("after another entry", [noise(2500), noise(10)], 0), ("after the checkpoint", [noise(10)], 1),
        ] {
            let copy = try workspace.open(name)
            #expect(try copy.log(of: run).map(\.1) == bodies, "\(name)")
            #expect(try copy.checkpoints(of: run.id).count == checkpoints, "\(name)")
            #expect(try copy.rowCounts()["checkpoint"] == checkpoints && copy.rowCounts()["tensor"] == checkpoints, "\(name)")
            #expect(try copy.append([1], step: 3, to: run) == Int64(bodies.count + checkpoints + 1), "\(name)")
        }
    }

    @Test func aTornCommitIsNotThere() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        try workspace.crash(to: "before")
        let durable = try Data(contentsOf: URL(fileURLWithPath: workspace.path("before-wal"))).count
        try store.append(noise(100_000), step: 2, to: run)
        try workspace.crash(to: "torn")
        let wal = URL(fileURLWithPath: workspace.path("torn-wal"))
        try Data(contentsOf: wal).prefix(durable + 70_000).write(to: wal)
        let copy = try workspace.open("torn")
        #expect(try copy.log(of: run).map(\.1) == [[1]])
        #expect(try copy.append([2], step: 2, to: run) == 2)
    }

    @Test func aDeletionCutShortIsFinishedAtTheNextStart() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append(noise(2500), step: 1, to: run)
        try store.checkpoint(run, step: 0)
        try store.execute("UPDATE run SET deleted = 1; \(Schema.signRuns); UPDATE checkpoint SET state = 'dropped'")
        try workspace.crash(to: "copy")
        #expect(try workspace.open("copy").rowCounts().values.allSatisfy { $0 == 0 })
    }

    @Test func aFlippedBitInABodyIsCorrupt() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...3 { try store.append(noise(5000, seed: UInt64(step)), step: step, to: run) }
        try store.close()
        try workspace.flipBit(of: Array(noise(5000, seed: 2)[2000..<3000]))
        let copy = try Store(inspecting: workspace.path())
        var good: [Int64] = []
        let kind = failure {
            try copy.forEachLogEntry(of: run.id) { record, body in
                _ = try body()
                good.append(record.sequence)
            }
        }
        #expect(kind == .corrupt(what: "Log entry 2 of run \(run.id)") && good == [1])
    }

    @Test func aFlippedBitInATensorIsCorrupt() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let record = try store.checkpoint(run, step: 1, tensors: ["a": noise(5000), "b": noise(5000, seed: 2)])
        try store.close()
        try workspace.flipBit(of: Array(noise(5000, seed: 2)[2000..<3000]))
        let copy = try Store(inspecting: workspace.path())
        let tensors = try copy.tensors(of: record.id)
        #expect(try copy.bytes(of: tensors[0]) == noise(5000))
        #expect(failure { _ = try copy.bytes(of: tensors[1]) } == .corrupt(what: "Tensor b (state, id \(tensors[1].id))"))
    }

    /// Damage that SQLite itself does not see, and the call that must.
    static let damage: [(String, @Sendable (Store, RunRecord, CheckpointRecord) throws -> Void)] = [
        (
            "DELETE FROM log_part WHERE sequence = 2; DELETE FROM log_entry WHERE sequence = 2",
            { store, run, _ in _ = try store.log(of: run) }
        ),
        (
            "DELETE FROM log_part WHERE sequence = 1; DELETE FROM log_entry WHERE sequence = 1",
            { store, run, _ in _ = try store.log(of: run) }
        ),
        ("DELETE FROM log_part WHERE sequence = 2 AND ordinal = 1", { store, run, _ in _ = try store.log(of: run) }),
        ("UPDATE log_part SET bytes = zeroblob(2000) WHERE sequence = 2 AND ordinal = 2", { store, run, _ in _ = try store.log(of: run) }),
        ("UPDATE log_entry SET kind = 'dance' WHERE sequence = 2", { store, run, _ in _ = try store.log(of: run) }),
        ("UPDATE tensor SET name = 'x'", { store, _, checkpoint in _ = try store.tensors(of: checkpoint.id) }),
        ("UPDATE tensor SET shape = '1,z'", { store, _, checkpoint in _ = try store.tensors(of: checkpoint.id) }),
        ("DELETE FROM tensor_part; DELETE FROM tensor", { store, _, checkpoint in _ = try store.tensors(of: checkpoint.id) }),
        ("UPDATE checkpoint SET metadata = '{}'", { store, _, checkpoint in _ = try store.tensors(of: checkpoint.id) }),
        (
            "DELETE FROM tensor_part",
            { store, _, checkpoint in _ = try store.readPart(0, of: store.tensors(of: checkpoint.id)[0]) }
        ),
        ("DELETE FROM tensor_part", { store, _, checkpoint in _ = try store.bytes(of: store.tensors(of: checkpoint.id)[0]) }),
    ]

    @Test(arguments: damage.indices)
    func damagedRowsAreCorrupt(index: Int) throws {
        let (sql, call) = FaultTests.damage[index]
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...3 { try store.append(noise(2500), step: step, to: run) }
        let checkpoint = try store.checkpoint(run, step: 0)
        #expect(failure { try call(store, run, checkpoint) } == nil)
        try store.execute(sql)
        guard case .corrupt = failure({ try call(store, run, checkpoint) }) else {
            Issue.record("not noticed: \(sql)")
            return
        }
    }

    @Test func aFullDiskRefusesTheEntryAndTheStoreWorksAgainWithRoom() throws {
        let store = try workspace.open(partSize: 100_000)
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append(noise(1000), step: 1, to: run)
        try store.execute("PRAGMA max_page_count = \(try store.value("PRAGMA page_count") + 5)")
        #expect(failure { try store.append(noise(1_000_000), step: 2, to: run) } == .full)
        #expect(try store.lastSequence(of: run.id) == 1)
        #expect(try store.append(noise(1000), step: 2, to: run) == 2)
        let header = CheckpointHeader(step: 2, epoch: 0, sequence: 2, metadata: "{}")
        let writer = try store.beginCheckpoint(of: run.id, header)
        #expect(failure { try writer.append("w", noise(1_000_000)) } == .full)
        try writer.abandon()
        try store.execute("PRAGMA max_page_count = 1000000")
        #expect(try store.append(noise(1_000_000), step: 3, to: run) == 3)
        #expect(try store.log(of: run).map(\.1.count) == [1000, 1000, 1_000_000])
        #expect(try store.rowCounts()["tensor_part"] == 0)
    }

    /// SQLite's result codes and what they mean to us.
    static let codes: [(ResultCode, StorageError.Kind)] = [
        (.SQLITE_FULL, .full), (.SQLITE_IOERR_FSYNC, .syncFailed), (.SQLITE_IOERR_DIR_FSYNC, .syncFailed),
        (.SQLITE_IOERR_WRITE, .io), (.SQLITE_IOERR_READ, .io), (.SQLITE_READONLY_DIRECTORY, .readOnly), (.SQLITE_BUSY_RECOVERY, .busy),
        (.SQLITE_CANTOPEN, .cannotOpen), (.SQLITE_CORRUPT, .corrupt(what: "/db")), (.SQLITE_NOTADB, .notADatabase),
        (.SQLITE_MISUSE, .other),
    ]

    @Test(arguments: codes.indices)
    func aResultCodeBecomesAKind(index: Int) {
        let (code, kind) = FaultTests.codes[index]
        #expect(StorageError(DatabaseError(resultCode: code), path: "/db").kind == kind)
    }
}
