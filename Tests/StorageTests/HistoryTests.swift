import Crypto
import Foundation
import GRDB
import Testing

@testable import Storage

/// What is noted of steps: written beside them, discarded with them, and never in a step's way.
@Suite struct HistoryTests {
    let workspace = try! Workspace()

    private func rows(_ steps: ClosedRange<Int>, epoch: Int = 0) -> [HistoryRow] { steps.map { row($0, $0, epoch: epoch) } }

    private func row(_ first: Int, _ last: Int, epoch: Int = 0) -> HistoryRow {
        HistoryRow(firstStep: first, lastStep: last, epoch: epoch, point: noise(20, seed: UInt64(first)))
    }

    private func steps(_ store: Store, _ run: RunRecord) throws -> [[Int]] {
        try store.history(of: run.id).rows.map { [$0.firstStep, $0.lastStep] }
    }

    @Test func rowsComeBackInTheOrderOfStepsAndSurviveAStop() throws {
        do {
            let store = try workspace.open()
            let run = try store.createRun(name: "a", manifest: "{}")
            try store.writeHistory(rows(3...4), of: run.id, epoch: 0)
            try store.writeHistory(rows(1...2), of: run.id, epoch: 0)
            try store.close()
        }
        let store = try workspace.open()
        let run = try #require(try store.run(named: "a"))
        #expect(try store.history(of: run.id).rows == rows(1...4) && store.history(of: run.id).damaged == 0)
    }

    @Test func aRowTakesThePlaceOfThoseItCovers() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let other = try store.createRun(name: "b", manifest: "{}")
        for run in [run, other] { try store.writeHistory(rows(1...6), of: run.id, epoch: 0) }
        try store.writeHistory([row(3, 4), row(5, 8)], of: run.id, epoch: 0)
        #expect(try steps(store, run) == [[1, 1], [2, 2], [3, 4], [5, 8]])
        #expect(try steps(store, other).count == 6)
    }

    @Test func whatIsWrittenUnderAnotherEpochIsRefused() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.writeHistory(rows(1...3), of: run.id, epoch: 0)
        try store.setEpoch(1, of: run.id)
        #expect(failure { try store.writeHistory(rows(3...3), of: run.id, epoch: 0) } == .conflict)
        #expect(try steps(store, run) == [[1, 1], [2, 2], [3, 3]])
        #expect(failure { try store.writeHistory(rows(1...1), of: run.id + 1, epoch: 0) } == .notFound)
        try store.deleteRun(run.id)
        #expect(failure { try store.writeHistory(rows(1...1), of: run.id, epoch: 1) } == .notFound)
    }

    /// A row that reaches beyond the step goes whole: it cannot be cut.
    @Test func whatWasGivenUpIsDiscarded() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.writeHistory(rows(1...3) + [row(4, 5), row(6, 7), row(8, 8, epoch: 1)], of: run.id, epoch: 0)
        try store.checkpoint(run, step: 2)
        #expect(try steps(store, run).count == 6, "a checkpoint of the present discards nothing")
        try store.discardHistory(of: run.id, after: 4, before: 1)
        #expect(try steps(store, run) == [[1, 1], [2, 2], [3, 3], [8, 8]])
    }

    @Test func writingWaitsForNoSync() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let sync = try #require(store.keeping?.sync)
        let before = sync.durableCount
        try store.writeHistory(rows(1...100), of: run.id, epoch: 0)
        #expect(sync.durableCount == before)
        try store.append([1], step: 1, to: run)
        #expect(sync.durableCount == before + 2, "it is durable with what is made durable next")
    }

    /// Where a run stands is not for its plots to refuse.
    @Test func damagedPagesAreInNobodysWay() throws {
        let (run, root): (RunRecord, Int) = try {
            let store = try workspace.open()
            let run = try store.createRun(name: "a", manifest: "{}")
            try store.writeHistory(rows(1...2_000), of: run.id, epoch: 0)
            let root = try store.read { try Int.fetchOne($0, sql: "SELECT rootpage FROM sqlite_schema WHERE name = 'history'") }
            try store.close()
            return (run, try #require(root))
        }()
        let file = try FileHandle(forWritingTo: URL(filePath: workspace.path()))
        let size = try DatabaseQueue(path: workspace.path()).read { try #require(try Int.fetchOne($0, sql: "PRAGMA page_size")) }
        try file.seek(toOffset: UInt64((root - 1) * size))
        try file.write(contentsOf: Data(repeating: 0xA5, count: size))
        try file.close()
        let store = try workspace.open()
        #expect(throws: StorageError.self) { try store.history(of: run.id) }
        try store.setEpoch(1, of: run.id)
        try store.checkpoint(run, step: 0)
        #expect(try #require(try store.run(named: "a")).epoch == 1)
    }

    @Test(arguments: ["first_step", "last_step", "epoch", "point", "digest"])
    func aDamagedRowIsLeftOutAndReported(column: String) throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.writeHistory(rows(1...9), of: run.id, epoch: 0)
        #expect(try store.historyDamage(of: run) == nil)
        let value = ["point": "zeroblob(length(point))", "digest": "zeroblob(32)", "first_step": "-1"][column] ?? "\(column) + 1"
        try store.execute("UPDATE history SET \(column) = \(value) WHERE first_step = 5")
        #expect(try store.history(of: run.id).rows == rows(1...9).filter { $0.firstStep != 5 })
        #expect(try store.history(of: run.id).damaged == 1)
        #expect(try store.historyDamage(of: run)?.contains("1 row(s)") == true)
        #expect(try store.damages(of: run).isEmpty, "the run is whole without it")
    }

    @Test func aBackupHasTheHistory() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.writeHistory(rows(1...9), of: run.id, epoch: 0)
        try store.backup(to: workspace.path("copy"))
        let copy = try Store(inspecting: workspace.path("copy"))
        #expect(try copy.history(of: run.id).rows == rows(1...9))
    }
}
