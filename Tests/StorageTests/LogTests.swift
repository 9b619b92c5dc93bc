import Crypto
import Memory
import Storage
import Testing

@Suite struct LogTests {
    let workspace = try! Workspace()

    @Test(arguments: [0, 1, 999, 1000, 1001, 2000, 5003, 300_000])
    func aBodyComesBackWhateverItsSize(count: Int) throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append(noise(count), step: 1, to: run)
        #expect(try store.log(of: run).map(\.1) == [noise(count)])
        #expect(try store.rowCounts()["log_part"] == (count + 999) / 1000)
        #expect(try store.logByteCount(of: run.id) == count)
    }

    @Test func aBodyInPiecesIsTheirConcatenation() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let bytes = noise(4000)
        let entry = LogEntry(kind: .weights, step: 0, epoch: 0, attributes: "{}", bodyDigest: [UInt8](SHA256.hash(data: bytes)))
        try bytes.withUnsafeBytes { all in
            let pieces = [0..<0, 0..<1500, 1500..<1501, 1501..<4000, 4000..<4000].map { UnsafeRawBufferPointer(rebasing: all[$0]) }
            try store.append(entry, body: pieces + [UnsafeRawBufferPointer(start: nil, count: 0)], to: run.id)
        }
        #expect(try store.log(of: run).map(\.1) == [bytes])
    }

    @Test func anImportGivesTheRunItsEpochInTheSameTransaction() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.markAhead(1, of: run.id)
        let digest = [UInt8](SHA256.hash(data: [UInt8]()))
        for (kind, epoch, isAhead) in [(LogEntry.Kind.patch, 0, true), (.stateImport, 3, false)] {
            let entry = LogEntry(kind: kind, step: 5, epoch: 3, attributes: "{}", bodyDigest: digest)
            try store.append(entry, body: [], to: run.id)
            let row = try #require(try store.run(named: "a"))
            #expect(row.epoch == epoch && row.isAhead == isAhead)
        }
        #expect(throws: StorageError.self) {
            let entry = LogEntry(kind: .stateImport, step: 5, epoch: 4, attributes: "{}", bodyDigest: digest)
            try store.append(entry, body: [], to: run.id + 1)
        }
        #expect(try store.logEntryCount(of: run.id) == 2)
    }

    @Test func everyFieldOfAnEntryComesBack() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let digest = [UInt8](SHA256.hash(data: [UInt8]()))
        let entries = LogEntry.Kind.allCases.flatMap { kind in
            ["e\u{301}/\"'%", "\u{e9}"].map {
                LogEntry(
                    kind: kind, parameter: $0, step: .max, epoch: 2, attributes: "{\"lr\":0.1}", bodyDigest: digest,
                    previousAnswerDigest: noise(32))
            }
        }
        for entry in entries { try store.append(entry, body: [], to: run.id) }
        let read = try store.log(of: run).map(\.0)
        #expect(read.map(\.entry) == entries)
        #expect(read.map { Array($0.entry.parameter!.utf8) } == entries.map { Array($0.parameter!.utf8) })
        #expect(read.map(\.sequence) == Array(1...Int64(entries.count)))
    }

    @Test func eachRunCountsForItselfAndGoesOnAfterPruning() throws {
        let store = try workspace.open()
        let (first, second) = (try store.createRun(name: "a", manifest: "{}"), try store.createRun(name: "b", manifest: "{}"))
        #expect(try store.append([1], step: 1, to: first) == 1)
        #expect(try store.append([2], step: 2, to: first) == 2)
        #expect(try store.append([3], step: 1, to: second) == 1)
        try store.checkpoint(first, step: 2, sequence: 2)
        #expect(try store.lastSequence(of: first.id) == 2 && store.logEntryCount(of: first.id) == 0)
        #expect(try store.append([4], step: 3, to: first) == 3)
        #expect(try store.log(of: first).map(\.1) == [[4]])
        #expect(try store.log(of: second).map(\.1) == [[3]])
    }

    @Test func readingStartsAfterTheGivenEntry() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...5 { try store.append([UInt8(step)], step: step, to: run) }
        #expect(try store.log(of: run, after: 3).map(\.1) == [[4], [5]])
        #expect(try store.log(of: run, after: 5).isEmpty)
        try store.checkpoint(run, step: 4, sequence: 4)
        #expect(try store.log(of: run).map(\.1) == [[5]])
        #expect(try store.log(of: run, after: 4).map(\.1) == [[5]])
        #expect(try store.prunedSequence(of: run.id) == 4)
    }

    /// Who has a picture of the run up to a record must not go on with a later one.
    @Test func recordsThatHaveBeenPrunedAreNotSkipped() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...5 { try store.append([UInt8(step)], step: step, to: run) }
        try store.checkpoint(run, step: 2, sequence: 2)
        try store.checkpoint(run, step: 4, sequence: 4)
        #expect(throws: StorageError.self) { try store.log(of: run, after: 3) }
        // None is asked for; those in reserve are there, those before them are not.
        try store.forEachLogEntry(of: run.id, after: 3, through: 3) { _, _ in Issue.record("none is asked for") }
        var reserved: [Int64] = []
        try store.forEachLogEntry(of: run.id, after: 2, inReserve: true) { record, _ in reserved.append(record.sequence) }
        #expect(reserved == [3, 4, 5])
        #expect(throws: StorageError.self) { try store.forEachLogEntry(of: run.id, after: 1, inReserve: true) { _, _ in } }
    }

    @Test func theStoreIsUsableWhileItsLogIsRead() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...3 { try store.append([UInt8(step)], step: step, to: run) }
        var seen: [Int64] = []
        try store.forEachLogEntry(of: run.id) { record, _ in
            seen.append(record.sequence)
            if record.sequence == 3 { try store.append([9], step: 4, to: run) }
        }
        #expect(seen == [1, 2, 3, 4])
    }

    @Test func anEntryPrunedWhileItIsReadIsNotCalledCorrupt() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let kind = failure {
            try store.forEachLogEntry(of: run.id) { record, body in
                // The first keeps the log in reserve; the second takes the place of the first, and has none.
                for step in 1...2 { try store.checkpoint(run, step: step, sequence: record.sequence, keeping: 1) }
                _ = try body()
            }
        }
        #expect(kind == .notFound)
    }

    @Test func aRefusedEntryLeavesNoTrace() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let entry = LogEntry(kind: .step, step: 1, epoch: 0, attributes: "{}", bodyDigest: [1, 2])
        #expect(failure { try store.append(entry, body: [], to: run.id) } == .other)
        #expect(try store.append([1], step: 1, to: run) == 1)
    }

    @Test func concurrentWritersGetDistinctNumbersWithoutHoles() async throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    for step in 0..<25 { #expect(throws: Never.self) { try store.append(noise(1500), step: task * 25 + step, to: run) } }
                }
            }
        }
        #expect(try store.log(of: run).map(\.0.sequence) == Array(1...100))
    }
}
