import Foundation
import GRDB
import Safetensors
import StrictJSON
import Testing

@testable import Storage
@testable import Training

/// What is kept of the steps of a run, through stops, crashes, restores and imports.
@Suite struct RunHistoryTests {
    private static let manifest = #"{"optimizer": {"lr": 0.01, "precondition_frequency": 2}}"#

    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed), .gradient("b", [3], seed)] }

    private func points(_ run: Run) -> [HistoryPoint] { run.history.selection(0...(.max), limit: 100_000).points }

    private func steps(_ run: Run) -> [Int] { points(run).map(\.lastStep) }

    private func take(_ steps: ClosedRange<Int>, of run: Run) async throws {
        for k in steps { try await run.put(k, gradient(k)) }
    }

    @Test func aPointHasWhatTheStepCameTo() async throws {
        let run = try await House().make("run", Self.manifest)
        let tensors = [Sent("w", [4, 3], (0..<12).map { Float($0) }), Sent("b", [3], [30, 40, 0])]
        let answer = try await run.put(1, tensors) { $0.gradScale = 2 }
        let squares = (0..<12).map { Double($0 * $0) }.reduce(0, +) + 2_500
        let point = try #require(points(run).first)
        #expect(abs(point.gradientRMS.least - (squares / 4 / 15).squareRoot()) < 1e-9)
        let parameters = await run.parameterFigures()
        let updates = parameters.reduce(0) { $0 + $1.updateRMS * $1.updateRMS * Double($1.count) }
        #expect(abs(point.updateRMS.greatest - (updates / 15).squareRoot()) < 1e-12)
        #expect(point.learningRate == HistoryFigure(least: 0.01, greatest: 0.01, sum: 0.02, count: 2))
        #expect(point.parameterCount == 2 && point.refreshCount == 1 && point.skippedCount == 0 && point.clippedCount == 0)
        let timing = try #require(answer.timing)
        #expect(point.computeTime == HistoryFigure(timing.compute / .seconds(1)))
        #expect(point.commitTime == HistoryFigure(timing.commit / .seconds(1)))
        #expect(point.receiveTime == HistoryFigure(), "nobody measured it")
        try await run.put(2, tensors) { $0.maxGradNorm = 1 }
        #expect(points(run)[1].clippedCount == 1)
        #expect(abs(points(run)[1].gradientRMS.least - (squares / 15).squareRoot()) < 1e-9, "before clipping")
        #expect(points(run)[1].json["gradient_rms"]?["max"] == points(run)[1].json["gradient_rms"]?["mean"])
    }

    @Test func aSkippedStepIsAPointAndARefusedOneIsNone() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"on_nonfinite": "skip"}}"#)
        try await run.put(1, gradient(1))
        try await run.put(2, [Sent("w", [4, 3], [Float](repeating: .nan, count: 12))])
        #expect(steps(run) == [1, 2] && points(run)[1].skippedCount == 1 && points(run)[1].parameterCount == 0)
        #expect(points(run)[1].json["gradient_rms"] == .null)
        await expectRefusal(.outOfOrder) { try await run.put(4, gradient(4)) }
        try await run.put(2, [Sent("w", [4, 3], [Float](repeating: .nan, count: 12))])
        #expect(steps(run) == [1, 2], "nor is a replayed one")
    }

    @Test func theHistorySurvivesAStopToTheLastBit() async throws {
        let house = try await House()
        var run = try await house.make("run", Self.manifest)
        try await take(1...300, of: run)
        let before = points(run)
        try await house.restart()
        run = try house.run()
        #expect(steps(run) == Array(1...300))
        #expect(points(run) == before)
        try await take(301...302, of: run)
        #expect(steps(run).suffix(3) == [300, 301, 302])
    }

    /// What the database does not have yet the log makes again, but for the timings.
    @Test func afterACrashTheLogMakesTheHistoryAgain() async throws {
        let house = try await House()
        var run = try await house.make("run", Self.manifest)
        try await take(1...10, of: run)
        try await run.makeCheckpoint()
        try await take(11...20, of: run)
        let before = points(run)
        try await house.crash()
        run = try house.run()
        let after = points(run)
        #expect(after.map(\.lastStep) == before.map(\.lastStep))
        #expect(after.prefix(10) == before.prefix(10), "the checkpoint has saved these")
        for (new, old) in zip(after, before).suffix(10) {
            #expect(new.gradientRMS == old.gradientRMS && new.updateRMS == old.updateRMS && new.learningRate == old.learningRate)
            #expect(new.refreshCount == old.refreshCount && new.parameterCount == old.parameterCount)
            // On a slow machine some were saved for their age.
            #expect(new == old || (new.computeTime == HistoryFigure() && new.commitTime == HistoryFigure()))
            #expect(abs(new.time.timeIntervalSince(old.time)) < 5)
        }
        // A second crash finds the same.
        try await house.crash()
        #expect(points(try house.run()).map(\.lastStep) == Array(1...20))
    }

    @Test func someHundredStepsAreSavedWithoutACheckpoint() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "memory"}}"#)
        let id = await run.id
        // On a slow machine some are saved for their age, and the batch begins anew.
        var k = 0
        while k < 3_000, try house.store.history(of: id).rows.count < 256 {
            for _ in 1...50 {
                k += 1
                try await run.put(k, gradient(k))
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try house.store.history(of: id).rows.count >= 256)
    }

    @Test(arguments: [false, true]) func aRestoreTakesWhatCameAfterIt(crashes: Bool) async throws {
        let house = try await House()
        var run = try await house.make("run", Self.manifest)
        try await take(1...6, of: run)
        try await run.makeCheckpoint()
        try await take(7...12, of: run)
        let watch = run.history.watch(after: nil)
        _ = try await run.restore(to: 8, epoch: nil)
        #expect(steps(run) == Array(1...8))
        #expect(watch.take(upTo: 9)?.map { "\($0.id.epoch)-\($0.id.step) \($0.name)" } == ["1-8 restore"])
        if crashes {
            try await house.crash()
            run = try house.run()
        }
        try await take(9...10, of: run)
        #expect(steps(run) == Array(1...10))
        #expect(points(run).map(\.epoch) == Array(repeating: 0, count: 8) + [1, 1])
        try await house.crash()
        #expect(steps(try house.run()) == Array(1...10))
        #expect(points(try house.run()).map(\.epoch).suffix(2) == [1, 1])
    }

    @Test(arguments: [false, true]) func anImportTakesWhatIsBeyondItsStep(crashes: Bool) async throws {
        let house = try await House()
        var run = try await house.make("run", Self.manifest)
        try await take(1...4, of: run)
        let state = try await run.exported()
        try await take(5...9, of: run)
        try await run.importState(state, epoch: nil)
        #expect(steps(run) == Array(1...4))
        try await take(5...6, of: run)
        if crashes { try await house.crash() } else { try await house.restart() }
        run = try house.run()
        #expect(steps(run) == Array(1...6))
        #expect(points(run).map(\.epoch) == [0, 0, 0, 0, 1, 1])
    }

    /// The log of a time that was given up is done again by a recovery; its points are not.
    @Test func aRecoveryThroughAnImportKeepsThePresentLine() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"checkpoint_every": 100000}}"#)
        try await take(1...3, of: run)
        let state = try await run.exported()
        try await take(4...9, of: run)
        let files = try await run.importing(state, keeping: house.database)
        try await house.crash { database in
            for (suffix, bytes) in files { try bytes.write(to: URL(fileURLWithPath: database + suffix)) }
        }
        #expect(try house.run().status.step == 3 && house.log.lines.contains { $0.contains("recovered") && $0.contains("7") })
        #expect(steps(try house.run()) == Array(1...3))
        try await take(4...5, of: try house.run())
        #expect(points(try house.run()).map(\.epoch) == [0, 0, 0, 1, 1])
    }

    @Test(arguments: ["checkpoint", "memory"]) func lostStepsAreLostToTheHistoryToo(durability: String) async throws {
        let house = try await House()
        var run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)"}}"#)
        try await take(1...5, of: run)
        try await run.makeCheckpoint()
        try await take(6...9, of: run)
        run.history.save()
        try await house.crash()
        run = try house.run()
        #expect(run.status.step == 5 && run.status.epoch == 1 && steps(run) == Array(1...5))
        let watch = run.history.watch(after: EventID("1-0-9"))
        #expect(watch.take(upTo: 9)?.map(\.name) == ["restart"])
        try await take(6...7, of: run)
        #expect(points(run).map(\.epoch) == [0, 0, 0, 0, 0, 1, 1])
    }

    @Test func aRunOfSingleParametersHasAPointForEachRound() async throws {
        let house = try await House()
        var run = try await house.make(
            "run", #"{"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [2, 2]}, {"name": "b", "shape": [2]}]}"#)
        func put(_ k: Int, _ name: TensorName) async throws {
            let values = [Float](repeating: name == "w" ? 3 : 4, count: name == "w" ? 4 : 2)
            try await run.put(k, of: name, values.withUnsafeBytes { Array($0) })
        }
        try await put(1, "w")
        #expect(steps(run) == [])
        try await put(1, "b")
        #expect(steps(run) == [1] && points(run)[0].parameterCount == 2)
        #expect(points(run)[0].gradientRMS == HistoryFigure(((4 * 9 + 2 * 16) / 6.0).squareRoot()))
        // One rests: its rounds end when the other goes on.
        for k in 2...4 { try await put(k, "w") }
        #expect(steps(run) == [1, 2, 3] && points(run)[2].parameterCount == 1)
        try await put(2, "b")
        try await house.restart()
        run = try house.run()
        #expect(steps(run) == [1, 2, 3, 4] && points(run)[3].parameterCount == 2)
        try await put(3, "b")
        try await put(4, "b")
        #expect(steps(run) == [1, 2, 3, 4] && points(run)[3].parameterCount == 4)
        try await put(5, "b")
        try await put(5, "w")
        #expect(steps(run) == [1, 2, 3, 4, 5])
        try await house.crash()
        #expect(steps(try house.run()) == [1, 2, 3, 4, 5])
    }

    @Test(arguments: [false, true]) func aStepInDoubtIsInTheHistoryIfItHappened(reachesDisk: Bool) async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        try await take(1...3, of: run)
        let watch = run.history.watch(after: nil)
        try await house.whileSyncsFail(reachesDisk: reachesDisk) {
            await expectRefusal(.commitUnknown) { try await run.put(4, gradient(4)) }
        }
        _ = try await run.settledStatus()
        _ = try await run.description()
        #expect(steps(run) == Array(1...(reachesDisk ? 4 : 3)))
        try await take(4...5, of: run)
        #expect(steps(run) == Array(1...5))
        let names = watch.take(upTo: 99)?.map { "\($0.id)" }
        #expect(names?.suffix(2) == ["1-0-4", "1-0-5"])
        try await house.restart()
        #expect(steps(try house.run()) == Array(1...5))
    }

    /// A history that cannot be written or read harms nobody.
    @Test func troubleWithTheHistoryRefusesNoStep() async throws {
        let house = try await House()
        var run = try await house.make("run", Self.manifest)
        // Before the first step: on a machine that is busy enough the history may be saved by itself between them.
        try house.store.execute("CREATE TRIGGER trouble BEFORE INSERT ON history BEGIN SELECT raise(ABORT, 'trouble'); END")
        try await take(1...5, of: run)
        run.history.save()
        let failures = house.runs.metrics.failedHistoryWrites
        #expect(failures > 0 && house.log.lines.count { $0.contains("is not saved for now") } == failures)
        try await run.makeCheckpoint()
        try await take(6...7, of: run)
        #expect(steps(run) == Array(1...7))
        try house.store.execute("DROP TRIGGER trouble")
        run.history.save()
        try house.store.execute("UPDATE history SET point = zeroblob(241) WHERE first_step = 3")
        try await house.restart()
        run = try house.run()
        #expect(steps(run) == [1, 2, 4, 5, 6, 7])
        try await take(8...8, of: run)
        run.history.save()
        try house.store.execute("UPDATE history SET point = zeroblob(3)")
        try await house.restart()
        #expect(try house.run().status.step == 8 && steps(try house.run()) == [])
    }

    /// What could not be removed when it was given up never comes back.
    @Test func whatWasGivenUpStaysAwayWhenItCannotBeRemoved() async throws {
        let house = try await House()
        var run = try await house.make("run", Self.manifest)
        try await take(1...6, of: run)
        try await run.makeCheckpoint()
        try await take(7...12, of: run)
        run.history.save()
        try house.store.execute("CREATE TRIGGER stays BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'no'); END")
        _ = try await run.restore(to: 8, epoch: nil)
        #expect(house.runs.metrics.failedHistoryWrites == 1 && steps(run) == Array(1...8))
        try await house.crash()
        run = try house.run()
        #expect(steps(run) == Array(1...8))
        try await take(9...10, of: run)
        try await house.crash()
        run = try house.run()
        #expect(steps(run) == Array(1...10) && points(run).suffix(2).allSatisfy { $0.epoch == 1 })
        try house.store.execute("DROP TRIGGER stays")
        try await run.makeCheckpoint()
        try await house.restart()
        #expect(steps(try house.run()) == Array(1...10))
    }

    @Test func thoseWhoWatchHearOfAllThatHappens() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        let watch = run.history.watch(after: nil)
        try await take(1...2, of: run)
        await expectRefusal(.nonFiniteGradient) { try await run.put(3, [Sent("w", [4, 3], [Float](repeating: .infinity, count: 12))]) }
        try await run.patch(#"{"optimizer": {"lr": 0.5}}"#)
        try await run.makeCheckpoint()
        try await run.importState(try await run.exported(), epoch: nil)
        try await take(3...3, of: run)
        try await house.runs.delete(RunName("run"), epoch: nil)
        let events = try #require(watch.take(upTo: 99)).filter { $0.name != "checkpoint" || $0.id.epoch == 0 }
        #expect(events.map(\.name) == ["step", "step", "refusal", "patch", "checkpoint", "checkpoint", "import", "step", "deletion"])
        #expect(events[2].json["type"] == "urn:lather:problem:nonfinite-gradient" && events[2].json["refused_step"] == 3)
        #expect(events[1].json["gradient_rms"]?["mean"]?.numberValue != nil)
        #expect(zip(events, events.dropFirst()).allSatisfy { $0.id < $1.id })
        #expect(watch.take(upTo: 99) == nil)
    }
}

extension Run {
    fileprivate func parameterFigures() -> [(updateRMS: Double, count: Int)] {
        parameters.all.map { ($0.lastStep!.updateRMS, $0.elementCount) }
    }
}
