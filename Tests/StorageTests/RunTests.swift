import Foundation
import Storage
import Testing

@Suite struct RunTests {
    let workspace = try! Workspace()

    @Test func aRunIsFoundByItsName() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{\"optimizer\":{}}")
        #expect(run.epoch == 0 && !run.isAhead && run.manifest == "{\"optimizer\":{}}")
        #expect(try store.run(named: "a") == run)
        #expect(try store.run(named: "b") == nil)
    }

    @Test func epochAndAheadAreStored() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.setEpoch(3, of: run.id)
        try store.markAhead(1, of: run.id)
        let stored = try store.run(named: "a")
        #expect(stored?.epoch == 3 && stored?.isAhead == true)
        try store.checkpoint(run, step: 1)
        #expect(try store.run(named: "a")?.isAhead == false)
    }

    @Test func aNameIsTakenOnce() throws {
        let store = try workspace.open()
        _ = try store.createRun(name: "a", manifest: "{}")
        #expect(failure { _ = try store.createRun(name: "a", manifest: "{}") } == .nameTaken)
    }

    @Test func namesThatDifferOnlyByCaseOrNormalisationAreDifferentRuns() throws {
        let store = try workspace.open()
        let names = ["e\u{301}", "\u{e9}", "\u{c9}", "A", "a"]
        let ids = try names.map { try store.createRun(name: $0, manifest: "{}").id }
        #expect(Set(ids).count == names.count)
        #expect(try names.map { try store.run(named: $0)?.id } == ids)
        #expect(try store.runs().map { Array($0.name.utf8) } == names.map { Array($0.utf8) })
    }

    @Test func aDeletedRunLeavesNoRow() throws {
        let store = try workspace.open()
        let empty = try store.rowCounts()
        #expect(empty.count == 8 && empty.values.allSatisfy { $0 == 0 })
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...1200 { try store.append(noise(step < 5 ? 3000 : 2), step: step, to: run) }
        try store.checkpoint(run, step: 1, label: "kept", tensors: ["a": noise(5000), "b": []])
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 2, epoch: 0, sequence: 0, metadata: "{}"))
        try writer.append("w", noise(300_000))
        try store.writeHistory([HistoryRow(firstStep: 1, lastStep: 1, epoch: 0, point: [1])], of: run.id, epoch: 0)
        #expect(try store.rowCounts().values.allSatisfy { $0 > 0 })
        try store.deleteRun(run.id)
        #expect(try store.rowCounts() == empty)
        #expect(failure { try writer.append("w", noise(300_000)) } == .notFound)
    }

    @Test func aDeletedRunIsGoneForEveryCall() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.deleteRun(run.id)
        let again = try store.createRun(name: "a", manifest: "{}")
        #expect(again.id != run.id)
        let calls: [() throws -> Void] = [
            { try store.deleteRun(run.id) },
            { try store.setEpoch(1, of: run.id) },
            { try store.markAhead(1, of: run.id) },
            { try store.append([1], step: 1, to: run) },
            { _ = try store.log(of: run) },
            { _ = try store.lastSequence(of: run.id) },
            { _ = try store.logByteCount(of: run.id) },
            { _ = try store.checkpoints(of: run.id) },
            { try store.checkpoint(run, step: 1) },
        ]
        for call in calls { #expect(failure(call) == .notFound) }
        #expect(try store.runs() == [again])
    }

    @Test func deletingOneRunLeavesTheOther() throws {
        let store = try workspace.open()
        let (first, second) = (try store.createRun(name: "a", manifest: "{}"), try store.createRun(name: "b", manifest: "{}"))
        for run in [first, second] {
            try store.append(noise(3000, seed: UInt64(run.id)), step: 1, to: run)
            try store.checkpoint(run, step: 0, tensors: ["w": noise(2500, seed: UInt64(run.id))])
        }
        try store.deleteRun(first.id)
        #expect(try store.log(of: second).map(\.1) == [noise(3000, seed: UInt64(second.id))])
        let tensors = try store.tensors(of: store.checkpoints(of: second.id)[0].id)
        #expect(try store.bytes(of: tensors[0]) == noise(2500, seed: UInt64(second.id)))
    }

    @Test func aLargeDeletedRunGivesItsSpaceBack() throws {
        let store = try workspace.open(partSize: 8 << 20)
        let (kept, dropped) = (try store.createRun(name: "a", manifest: "{}"), try store.createRun(name: "b", manifest: "{}"))
        let body = [UInt8](repeating: 7, count: 40 << 20)
        for step in 1...3 { try store.append(body, step: step, to: dropped) }
        try store.append(noise(100), step: 1, to: kept)
        let size = try FileManager.default.attributesOfItem(atPath: workspace.path())[.size] as? Int ?? 0
        #expect(size > body.count, "the WAL is moved into the file as it grows")
        try store.deleteRun(dropped.id)
        #expect(try store.value("PRAGMA page_count") < 1100)
        #expect(try store.value("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'") == 0)
        #expect(try store.log(of: kept).map(\.1) == [noise(100)])
    }
}
