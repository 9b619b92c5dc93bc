import GRDB
import Safetensors
import Storage
import StrictJSON
import Testing

@testable import Training

/// When the newest checkpoint is damaged.
struct FallbackTests {
    private static let optimizer = #""optimizer": {"lr": 0.01, "precondition_frequency": 2}"#

    /// A run that took steps, with a checkpoint after each of some.
    private static func train(
        _ house: House, policy: String = "{}", steps: ClosedRange<Int> = 1...5, checkpoints: [Int] = [2, 4], label: String? = nil
    ) async throws -> Run {
        let run = try await house.make("run", "{\(optimizer), \"policy\": \(policy)}")
        for k in steps {
            try await run.put(k, [.gradient("w", [6, 5], k), .gradient("b", [5], k)])
            if checkpoints.contains(k) { try await run.makeCheckpoint(label: label) }
        }
        return run
    }

    /// Zeros in the place of the bytes of the newest checkpoint, or of as many as are said.
    private static func damage(_ database: String, checkpoints count: Int = 1, _ more: String = "") throws {
        let queue = try DatabaseQueue(path: database)
        try queue.write { db in
            try db.execute(
                sql: """
                    UPDATE tensor_part SET bytes = zeroblob(length(bytes)) WHERE tensor IN (SELECT id FROM tensor WHERE checkpoint IN (
                        SELECT id FROM checkpoint WHERE state = 'complete' ORDER BY id DESC LIMIT \(count)));
                    \(more)
                    """)
        }
        try queue.close()
    }

    /// Without what a fallback may change: how much of the log is there.
    private static func state(_ run: Run) async throws -> Run.Snapshot {
        var snapshot = try await run.snapshot()
        snapshot.logEntries = 0
        return snapshot
    }

    @Test(arguments: [[2, 4], [4], [2, 5], [5]])
    func theLogMakesUpForItAndANewCheckpointForTheOld(checkpoints: [Int]) async throws {
        let house = try await House()
        let before = try await FallbackTests.state(FallbackTests.train(house, checkpoints: checkpoints))
        try await house.crash { try FallbackTests.damage($0) }
        let run = try house.run()
        #expect(try await FallbackTests.state(run) == before)
        #expect(house.runs.metrics.damagedCheckpoints == 1)
        #expect(house.log.lines.count { $0.hasPrefix("error checkpoint damaged") } == 1)
        // The checkpoint is made behind the start's back, as one job of the run.
        for _ in 0..<1000 where try await run.checkpoints().last?.step != 5 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try await run.checkpoints().map(\.step) == (checkpoints.count == 2 ? [2, 5] : [5]))
        try await house.crash()
        #expect(try await FallbackTests.state(house.run()) == before)
        #expect(house.runs.metrics.damagedCheckpoints == 0)
        let control = try await House()
        try await FallbackTests.train(control, checkpoints: []).put(6, [.gradient("w", [6, 5], 6)])
        try await house.run().put(6, [.gradient("w", [6, 5], 6)])
        #expect(try await FallbackTests.state(house.run()) == FallbackTests.state(control.run()))
    }

    /// Each case: what the policy is, what happens before the start, and whether the run can be brought back.
    static let cases: [(String, policy: String, checkpoints: [Int], damaged: Int, more: String, isBack: Bool)] = [
        ("both checkpoints", "{}", [2, 4], 2, "", false),
        ("a record of the reserve too", "{}", [2, 4], 1, "UPDATE log_entry SET step = 9 WHERE sequence = 3", false),
        ("a record of the reserve alone", "{}", [2, 4], 0, "UPDATE log_entry SET step = 9 WHERE sequence = 3", true),
        ("nothing is kept to fall back on", #"{"keep_checkpoints": 1}"#, [2, 4], 1, "", false),
        ("what came in between is in no log", #"{"durability": "checkpoint"}"#, [2, 4, 5], 1, "", false),
        ("the checkpoint before is deleted", "{}", [2, 4], 1, "UPDATE checkpoint SET state = 'dropped' WHERE step = 2", false),
        ("the newest is no checkpoint", "{}", [2, 4], 0, "DELETE FROM checkpoint_of_step_4", true),
    ]

    @Test(arguments: cases.indices)
    func aRunIsRightOrRefused(index: Int) async throws {
        let (name, policy, checkpoints, damaged, more, isBack) = FallbackTests.cases[index]
        let house = try await House()
        let before = try await FallbackTests.state(FallbackTests.train(house, policy: policy, checkpoints: checkpoints))
        let deletion = """
            DELETE FROM tensor_part WHERE tensor IN (SELECT tensor.id FROM tensor JOIN checkpoint ON checkpoint = checkpoint.id WHERE step = 4);
            DELETE FROM tensor WHERE checkpoint IN (SELECT id FROM checkpoint WHERE step = 4);
            DELETE FROM checkpoint WHERE step = 4
            """
        try await house.crash {
            try FallbackTests.damage(
                $0, checkpoints: damaged, more.replacing("DELETE FROM checkpoint_of_step_4", with: deletion))
        }
        if isBack {
            #expect(try await FallbackTests.state(house.run()) == before, "\(name)")
        } else {
            let error = await expectRefusal(.runDamaged) { _ = try house.run() }
            #expect(error?.detail.contains("Tensor") == true, "\(name): \(error?.detail ?? "")")
            #expect(house.runs.ledger.reservedByteCount == 0, "\(name)")
        }
    }

    @Test func anOlderCheckpointThatIsDamagedIsFoundWhenItIsWanted() async throws {
        let house = try await House()
        _ = try await FallbackTests.train(house, checkpoints: [2, 4])
        try await house.crash { database in
            let queue = try DatabaseQueue(path: database)
            try queue.write { db in
                try db.execute(
                    sql: """
                        UPDATE tensor_part SET bytes = zeroblob(length(bytes)) WHERE tensor IN (
                            SELECT tensor.id FROM tensor JOIN checkpoint ON checkpoint = checkpoint.id WHERE step = 2)
                        """)
            }
            try queue.close()
        }
        let run = try house.run()
        let before = try await run.snapshot()
        await expectRefusal(.storageDamaged) { _ = try await run.restore(to: 2, epoch: nil) }
        #expect(try await run.snapshot() == before)
        #expect(house.runs.metrics.damagedCheckpoints == 0)
    }

    /// After a restore the log no longer leads from the checkpoint before to the present.
    @Test func aRestoredRunDoesNotFallBackBeyondItsRestore() async throws {
        let house = try await House()
        _ = try await FallbackTests.train(house, checkpoints: [2, 4]).restore(to: 2, epoch: nil)
        try await house.run().put(3, [.gradient("w", [6, 5], 33)])
        try await house.crash { try FallbackTests.damage($0) }
        await expectRefusal(.runDamaged) { _ = try house.run() }
    }

    @Test func aLabelledCheckpointIsFallenBackOnToo() async throws {
        let house = try await House()
        let before = try await FallbackTests.state(FallbackTests.train(house, policy: #"{"keep_checkpoints": 1}"#, label: "kept"))
        try await house.crash { try FallbackTests.damage($0) }
        #expect(try await FallbackTests.state(house.run()) == before)
    }
}
