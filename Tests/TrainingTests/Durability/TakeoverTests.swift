import Foundation
import Memory
import Safetensors
import Testing

@testable import Storage
@testable import Training

/// The lock file is deleted, so that another server can have the file for a while: what it did is found.
@Suite struct TakeoverTests {
    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed)] }

    private func manifest(_ durability: String) -> String {
        #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)"}}"#
    }

    /// | this server | the other |
    /// |---|---|
    /// | takes steps 1 to 3, all of them durable | |
    /// | its lock is deleted | takes steps 4 to 6, ends |
    /// | another run's step, or a probe, has the file opened anew | |
    /// | takes a step | |
    @Test(arguments: ["log", "checkpoint", "memory"], [true, false])
    func whatAnotherServerDidIsFound(durability: String, stops: Bool) async throws {
        let (house, calm) = (try await House(), try await House())
        let run = try await house.make("run", manifest(durability))
        for k in 1...3 { try await run.put(k, gradient(k)) }
        if durability != "log" { try await run.makeCheckpoint() }
        unlink(house.database + "-lock")
        try await house.whileAnotherServes(stops: stops) { other in
            for k in 4...6 { try await other.run(RunName("run")).put(k, gradient(k)) }
        }
        try house.store.ensureSound()

        await #expect(throws: TrainingError.self) { try await run.put(4, gradient(44), epoch: 0) }
        let last = stops || durability == "log" ? 6 : 3
        #expect(run.status.step == last && run.status.epoch == (last == 6 ? 0 : 1))
        let undisturbed = try await calm.make("run", manifest(durability))
        for k in 1...last { try await undisturbed.put(k, gradient(k)) }
        #expect(try await run.put(last, gradient(last)).isReplay)
        let answer = try await run.put(last + 1, gradient(last + 1))
        let expected = try await undisturbed.put(last + 1, gradient(last + 1))
        #expect(answer.content.map { Array($0.bytes) } == expected.content.map { Array($0.bytes) })
        try await run.makeCheckpoint()
        try await house.crash()
        #expect(try house.run().status.step == last + 1)
    }

    /// | server A | server B |
    /// | --- | --- |
    /// | takes steps 1 to 3 | |
    /// | its lock is deleted | takes steps 4 to 6, ends |
    /// | is stopped | |
    @Test(arguments: ["log", "checkpoint", "memory"])
    func aStopWritesNothingOverWhatAnotherServerDid(durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        for k in 1...3 { try await run.put(k, gradient(k)) }
        if durability != "log" { try await run.makeCheckpoint() }
        try await run.put(4, gradient(4))
        unlink(house.database + "-lock")
        try await house.whileAnotherServes(stops: true) { other in
            let run = try other.run(RunName("run"))
            for k in (run.status.step + 1)...6 { try await run.put(k, gradient(k)) }
        }
        try await house.restart()
        #expect(try house.run().status.step == 6)
        #expect(try await house.run().put(6, gradient(6)).isReplay)
    }

    /// Steps that are only in memory would be lost if the run was read again without need.
    @Test(arguments: ["log", "checkpoint", "memory"])
    func aDeletedLockAloneCostsNoStep(durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", manifest(durability))
        for k in 1...3 { try await run.put(k, gradient(k)) }
        unlink(house.database + "-lock")
        #expect(try await run.put(4, gradient(4), epoch: 0).step == 4)
        try await house.restart()
        #expect(try house.run().status.step == 4 && house.run().status.epoch == 0)
    }
}

extension House {
    /// Another server on the same file.
    ///
    /// - Parameter stops: whether it ends as after SIGTERM; otherwise as after `kill -9`.
    fileprivate func whileAnotherServes(stops: Bool, _ body: (Runs) async throws -> Void) async throws {
        let (store, runs) = try House.start(URL(fileURLWithPath: database).deletingLastPathComponent(), 1 << 30, 1, log)
        try await runs.recover()
        try await body(runs)
        guard stops else { return try store.endAsKilled() }
        #expect(await runs.finish())
        try store.close()
    }
}
