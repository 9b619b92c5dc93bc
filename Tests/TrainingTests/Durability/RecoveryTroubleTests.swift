import Foundation
import GRDB
import Safetensors
import StrictJSON
import Testing

@testable import Storage
@testable import Training

/// A start on a disk that is in trouble: what may pass is waited for.
@Suite struct RecoveryTroubleTests {
    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed)] }

    /// The run's epoch has to be raised, which the database does not take for a while.
    @Test func aRunWaitsUntilTheDatabaseTakesItsEpoch() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "memory"}}"#)
        try await run.put(1, gradient(1))
        let recovery = try await house.crashIntoTrouble { store in
            try store.withConnection { try $0.execute(sql: "PRAGMA query_only = ON") }
        }
        var obstacle: String?
        for _ in 0..<2000 where obstacle == nil {
            if case .recovering(let progress?) = house.runs.readiness, progress.description.contains("waiting, because") {
                obstacle = progress.obstacle
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(obstacle != nil)
        await expectRefusal(.recovering) { _ = try house.run() }
        try house.store.withConnection { try $0.execute(sql: "PRAGMA query_only = OFF") }
        try await recovery.value
        let status = try house.run().status
        #expect(status.step == 0 && status.epoch == 1)
        guard case .ready = house.runs.readiness else {
            Issue.record("\(house.runs.readiness)")
            return
        }
    }

    /// It may take seconds, in which a start says that it is recovering; servers that were killed early have left it so.
    @Test func aLongWriteAheadLogIsMovedAsPartOfTheRecovery() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await run.put(1, gradient(1))
        try house.store.withConnection {
            try $0.execute(sql: "CREATE TABLE filler AS SELECT zeroblob(34000000) AS bytes; DROP TABLE filler")
        }
        let recovery = try await house.crashIntoTrouble { _ in
            #expect(!house.log.lines.contains { $0.contains("moving the write-ahead log") })
            guard case .recovering(nil) = house.runs.readiness else {
                Issue.record("\(house.runs.readiness)")
                return
            }
        }
        try await recovery.value
        let lines = house.log.lines
        let moved = try #require(lines.firstIndex { $0.contains("moving the write-ahead log") })
        #expect(moved < (try #require(lines.firstIndex { $0.contains("run recovered") })))
        #expect(try house.run().status.step == 1)
    }

    @Test(
        arguments: [
            (.full, true), (.io, true), (.syncFailed, true), (.readOnly, true), (.busy, true), (.cannotOpen, true),
            (.lockedByAnotherServer, true), (.other, true), (.corrupt(what: "A run"), false), (.notFound, false), (.conflict, false),
        ] as [(StorageError.Kind, Bool)])
    func whatMayPassIsWaitedFor(kind: StorageError.Kind, mayPass: Bool) {
        let error = StorageError(kind, "No.")
        #expect(RecoveryFailure.isPassing(error) == mayPass)
        #expect(!RecoveryFailure.isPassing(RecoveryFailure(error)))
    }

    /// One that is being brought back may give memory up, once all of its log is done again.
    @Test func memoryThatIsMissingBesideOthersIsWaitedFor() {
        let error = TrainingError.outOfMemory([], needed: 2, MemoryLedger(budget: 1))
        #expect(RecoveryFailure.isPassing(error, isAlone: false))
        #expect(!RecoveryFailure.isPassing(error, isAlone: true))
    }
}
