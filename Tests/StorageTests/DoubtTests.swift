import Foundation
import GRDB
import Memory
import Testing

@testable import Storage

/// Commits of which it is not known whether they reached the disk, and files that are moved while they are open.
@Suite struct DoubtTests {
    let workspace = try! Workspace()

    /// The lock file's descriptor stands for all: when reading it fails, so would every other.
    @Test func afterAFileSystemHasStoppedAnsweringTheFileIsReadAgain() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let descriptor = try #require(try workspace.openDescriptors(of: "database-lock").first)
        let kept = dup(descriptor)
        let unreadable = open("/dev/null", O_WRONLY)
        dup2(unreadable, descriptor)
        let error = #expect(throws: StorageError.self) { try store.append([2], step: 2, to: run) }
        #expect(error?.kind == .syncFailed)
        #expect(store.generation == nil)
        // The record was written to a file that is still there.
        dup2(kept, descriptor)
        close(kept)
        close(unreadable)
        try store.ensureSound()
        #expect(store.generation?.number == 1)
        #expect(try store.log(of: run).map(\.1) == [[1], [2]])
        #expect(try store.append([3], step: 3, to: run) == 3)
        try store.close()
        #expect(try workspace.open().log(of: run).map(\.1) == [[1], [2], [3]])
    }

    /// Otherwise the file is left with some pages of a commit whose record the device has lost.
    @Test func whatASyncHasFailedToMakeDurableIsNotMovedIntoTheFile() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.execute("CREATE TABLE filler AS SELECT zeroblob(34000000) AS bytes")
        let descriptor = try #require(try workspace.openDescriptors(of: "database-lock").first)
        let kept = dup(descriptor)
        let unreadable = open("/dev/null", O_WRONLY)
        dup2(unreadable, descriptor)
        #expect(failure { try store.append([1], step: 1, to: run) } == .syncFailed)
        dup2(kept, descriptor)
        close(kept)
        close(unreadable)
        let before = try workspace.digest(of: "database")
        store.moveWhatWasLeft()
        #expect(try workspace.digest(of: "database") == before)
        try store.ensureSound()
        store.moveWhatWasLeft()
        #expect(try workspace.digest(of: "database") != before)
        #expect(try store.log(of: run).map(\.1) == [[1]])
    }

    /// A sync that fails while the file is opened anew, for whatever reason, makes it be read from the device.
    @Test func aSyncThatFailsDuringAnOpeningIsInDoubtToo() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let descriptor = try #require(try workspace.openDescriptors(of: "database-lock").first)
        let kept = dup(descriptor)
        let unreadable = open(workspace.path("database-lock"), O_WRONLY)
        dup2(unreadable, descriptor)
        unlink(workspace.path("database-shm"))
        #expect(throws: StorageError.self) { try store.ensureSound() }
        guard case .failedSync? = store.state.withLock({ $0.doubt }) else { return #expect(Bool(false), "it is not in doubt") }
        dup2(kept, descriptor)
        close(kept)
        close(unreadable)
        let reader = try OtherProcess(reading: workspace.path())
        let error = #expect(throws: StorageError.self) { try store.ensureSound() }
        #expect(error?.message.contains("another process has it open") == true)
        reader.end()
        #expect(try store.append([2], step: 2, to: run) == 2)
    }

    /// SQLite says of both that the file is malformed.
    @Test func aDeviceThatCannotBeReadIsNoDamage() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append(noise(300_000), step: 1, to: run)
        try store.execute("PRAGMA shrink_memory")
        // This process's memory has nothing at these addresses, and its file answers with EIO.
        let unreadable = open("/proc/self/mem", O_RDONLY)
        let descriptors = try ["database", "database-wal"].flatMap { try workspace.openDescriptors(of: $0) }
        let kept = descriptors.map { dup($0) }
        for descriptor in descriptors { dup2(unreadable, descriptor) }
        let error = #expect(throws: StorageError.self) { _ = try store.log(of: run) }
        #expect(error?.kind == .io && error?.message.contains("Input/output error") == true)
        for (descriptor, kept) in zip(descriptors, kept) {
            dup2(kept, descriptor)
            close(kept)
        }
        close(unreadable)
        #expect(try store.log(of: run).count == 1)
    }

    @Test func aFailedSyncFailsAllWhoWaitForItAndNoneBefore() throws {
        let isFailing = Flag()
        let sync = GroupSync(meter: StorageMeter()) { () throws(StorageError) in
            if isFailing.value { throw StorageError(.syncFailed, "no") }
        }
        let first = sync.noteWritten()
        try sync.wait(for: first)
        isFailing.value = true
        let second = sync.noteWritten()
        #expect(throws: StorageError.self) { try sync.wait(for: second) }
        isFailing.value = false
        // The system may take what it could not write for written.
        #expect(throws: StorageError.self) { try sync.wait(for: second) }
        #expect(throws: StorageError.self) { try sync.wait(for: sync.noteWritten()) }
        try sync.wait(for: first)
    }

    @Test func oneSyncServesAllCommitsThatWereWrittenBeforeIt() async throws {
        let count = Counter()
        let gate = DispatchSemaphore(value: 0)
        let sync = GroupSync(meter: StorageMeter()) { () throws(StorageError) in
            if count.add() == 1 { gate.wait() }
        }
        sync.begin(sync.noteWritten())
        while count.value == 0 { try await Task.sleep(for: .milliseconds(1)) }
        let later = (0..<20).map { _ in sync.noteWritten() }
        gate.signal()
        for commit in later { try sync.wait(for: commit) }
        #expect(count.value == 2)
    }

    @Test func nothingIsWrittenToADatabaseThatHasBeenMovedAway() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        try move("database", "elsewhere")
        let error = #expect(throws: StorageError.self) { try store.append([2], step: 2, to: run) }
        #expect(error?.kind == .cannotOpen)
        #expect(error?.message.contains("not there any more") == true)
        try Data().write(to: URL(fileURLWithPath: workspace.path()))
        #expect(throws: StorageError.self) { try store.append([2], step: 2, to: run) }
        try move("elsewhere", "database")
        #expect(try store.append([2], step: 2, to: run) == 2)
        try store.close()
        #expect(try workspace.open().log(of: run).map(\.1) == [[1], [2]])
    }

    @Test(arguments: [false, true])
    func aWriteAheadLogThatIsMovedAwayLosesNothing(comesBack: Bool) throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append(noise(5000), step: 1, to: run)
        try move("database-wal", "elsewhere")
        #expect(try store.append([2], step: 2, to: run) == 2)
        if comesBack {
            // By now it is of the past; played back onto the database it would undo the second record.
            try move("elsewhere", "database-wal")
            #expect(try store.append([3], step: 3, to: run) == 3)
        }
        try workspace.crash(to: "after")
        let expected = [noise(5000), [2]] + (comesBack ? [[3]] : [])
        #expect(try workspace.open("after").log(of: run).map(\.1) == expected)
        #expect(try store.log(of: run).map(\.1) == expected)
    }

    /// Then the only way to the log is the connection that has it open.
    @Test func aWriteAheadLogThatIsDeletedDuringACommitLosesNothing() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...2 { try store.append([UInt8(step)], step: step, to: run) }
        let commit = try store.beginWriting([3], step: 3, to: run)
        unlink(workspace.path("database-wal"))
        // The sync may have been over by then.
        try? store.finish(commit)
        try store.append([4], step: 4, to: run)
        #expect(try store.log(of: run).map(\.1) == [[1], [2], [3], [4]])
        try workspace.crash(to: "after")
        #expect(try workspace.open("after").log(of: run).map(\.1) == [[1], [2], [3], [4]])
    }

    @Test func aSyncThatFailsAsTheLogIsDeletedLosesNothing() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        unlink(workspace.path("database-wal"))
        store.suspectFailedSync()
        #expect(try store.append([2], step: 2, to: run) == 2)
        #expect(store.generation?.number == 1)
    }

    /// With another process on its index of the log, SQLite would not look at the log itself.
    @Test func theFileIsReadAgainOnlyWhenNobodyElseHasItOpen() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...3 { try store.append(noise(200_000, seed: UInt64(step)), step: step, to: run) }
        let wal = URL(fileURLWithPath: workspace.path("database-wal"))
        let before = try Data(contentsOf: wal)
        let reader = try OtherProcess(reading: workspace.path())
        _ = try store.beginWriting([4], step: 4, to: run)
        store.suspectFailedSync()
        try before.write(to: wal)
        let error = #expect(throws: StorageError.self) { try store.ensureSound() }
        #expect(error?.kind == .busy && error?.message.contains("another process has it open") == true)
        reader.end()
        try store.ensureSound()
        #expect(try store.lastSequence(of: run.id) == 3 && store.structuralDamage().isEmpty)
    }

    /// The first attempt takes the lock, and fails later.
    @Test func aLockThatWasTakenAnewIsNotTakenForAnotherServers() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let reader = try OtherProcess(reading: workspace.path())
        store.suspectFailedSync()
        unlink(workspace.path("database-lock"))
        for _ in 1...2 {
            let error = #expect(throws: StorageError.self) { try store.ensureSound() }
            #expect(error?.message.contains("another process has it open") == true)
        }
        reader.end()
        #expect(try store.append([2], step: 2, to: run) == 2)
        #expect(store.generation?.takeovers == 1)
    }

    /// Of another server's time, whose checkpoint is of a later moment.
    @Test func anOlderCheckpointDoesNotTakeTheNewestsPlace() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...3 { try store.append([UInt8(step)], step: step, to: run) }
        let late = try store.checkpoint(run, step: 3, sequence: 3)
        let error = #expect(throws: StorageError.self) { try store.checkpoint(run, step: 2, sequence: 2) }
        #expect(error?.kind == .conflict)
        let another = #expect(throws: StorageError.self) {
            _ = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 3, epoch: 0, sequence: 3, metadata: "{}"), after: 7)
        }
        #expect(another?.kind == .conflict)
        #expect(try store.checkpoints(of: run.id) == [late])
    }

    @Test func aRecordOfSomebodyElseIsNotWrittenOver() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let error = #expect(throws: StorageError.self) { try store.beginWriting([2], step: 2, to: run, after: 0) }
        #expect(error?.kind == .conflict)
        #expect(try store.logEntryCount(of: run.id) == 1)
    }

    @Test func aServerThatLostItsLockWaitsForTheOtherToEnd() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        unlink(workspace.path("database-lock"))
        let other = try workspace.open()
        try other.append([2], step: 2, to: run)
        let error = #expect(throws: StorageError.self) { try store.append([3], step: 3, to: run) }
        #expect(error?.kind == .lockedByAnotherServer)
        #expect(try store.log(of: run).count == 2, "looking is possible meanwhile")
        try other.close()
        #expect(try store.append([3], step: 3, to: run) == 3)
        #expect(store.generation?.number == 1)
    }

    /// Deleted, not swept yet, and made again; then a bit flips in the deleted row.
    @Test func aDamagedRunWhoseNameWasTakenAgainStaysDeleted() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        try store.execute("UPDATE run SET deleted = 1, digest = zeroblob(32) WHERE id = \(run.id)")
        let again = try store.createRun(name: "a", manifest: "{}")
        try store.close()
        #expect(try workspace.open().runs().map(\.id) == [again.id])
    }

    @Test func aSecondServerFindsALockThatWasTakenAnew() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try FileManager.default.removeItem(atPath: workspace.path("database-lock"))
        try store.append([1], step: 1, to: run)
        let error = #expect(throws: StorageError.self) { try workspace.open() }
        #expect(error?.kind == .lockedByAnotherServer)
    }

    @Test func looseEndsOfADatabaseThatIsGoneAreNotBuiltUpon() throws {
        let store = try workspace.open()
        try store.append([1], step: 1, to: store.createRun(name: "a", manifest: "{}"))
        try store.endAsIfKilled()
        unlink(workspace.path())
        let error = #expect(throws: StorageError.self) { try workspace.open() }
        #expect(error?.message.contains("its -wal file is") == true)
    }

    @Test func aCheckpointThatIsBeingWrittenWhenTheFileIsOpenedAnewIsGivenUp() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 1, epoch: 0, sequence: 1, metadata: "{}"))
        try writer.append("a", noise(300_000))
        store.suspectFailedSync()
        try store.ensureSound()
        let error = #expect(throws: StorageError.self) {
            try writer.append("b", noise(300_000))
            _ = try writer.finish(keeping: 1)
        }
        #expect(error?.kind == .other)
        #expect(try store.checkpoints(of: run.id).isEmpty)
    }

    private func move(_ name: String, _ other: String) throws {
        #expect(rename(workspace.path(name), workspace.path(other)) == 0)
    }
}

private final class Flag: @unchecked Sendable {
    // Invariant: touched only under `lock`.
    private let lock = NSLock()
    private var isSet = false

    var value: Bool {
        get { lock.withLock { isSet } }
        set { lock.withLock { isSet = newValue } }
    }
}

private final class Counter: @unchecked Sendable {
    // Invariant: touched only under `lock`.
    private let lock = NSLock()
    private var count = 0

    var value: Int { lock.withLock { count } }

    func add() -> Int {
        lock.withLock {
            count += 1
            return count
        }
    }
}
