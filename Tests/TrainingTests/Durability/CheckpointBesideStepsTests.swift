import Foundation
import Safetensors
import StrictJSON
import Testing

@testable import Storage
@testable import Training

/// A checkpoint holds the moment at which it was begun, whatever the run does until it is complete.
///
/// A job that is begun and not started stands for a writer that has not come to its first parameter yet.
struct CheckpointBesideStepsTests {
    private static func manifest(_ durability: String = "log", _ rest: String = "") -> String {
        """
        {"optimizer": {"lr": 0.01, "precondition_frequency": 3}, "policy": {"durability": "\(durability)", "checkpoint_every": 1000\(rest)},
         "groups": {"g": {"match": ["c"], "lr": 0.5}}}
        """
    }

    /// From the fourth step on there is one parameter more.
    private static func gradients(_ k: Int) -> [Sent] {
        [.gradient("a", [40, 30], k), .gradient("b", [30, 30], 100 + k), .gradient("c", [64], 200 + k)]
            + (k > 3 ? [.gradient("late", [8, 8], 300 + k)] : [])
    }

    @discardableResult
    private static func steps(_ run: Run, _ numbers: ClosedRange<Int>) async throws -> [[UInt8]] {
        var answers: [[UInt8]] = []
        for k in numbers { answers.append(try await Answered(run.put(k, gradients(k))).raw) }
        return answers
    }

    /// The state of a run that stopped at this step, as a file.
    private static func undisturbed(_ manifest: String = manifest(), at step: Int) async throws -> [UInt8] {
        let run = try await House().make("run", manifest)
        try await steps(run, 1...step)
        return try await run.exportedBytes()
    }

    // MARK: Bits

    @Test(arguments: ["log", "checkpoint"])
    func stepsAfterItsBeginningAreNotInIt(_ durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest(durability))
        var answers = try await Self.steps(run, 1...2)
        let job = await run.beginCheckpoint(isAskedFor: false)
        answers += try await Self.steps(run, 3...5)
        #expect(run.status.durableStep == (durability == "log" ? 5 : 0))
        job.start()
        let made = try await run.absorbEnd(of: job).get()
        #expect(made.header.step == 2)
        #expect(run.status.durableStep == (durability == "log" ? 5 : 2))
        #expect(try await run.downloaded(2) == Self.undisturbed(Self.manifest(durability), at: 2))
        #expect(try await run.snapshot().logEntries == (durability == "log" ? 3 : 0))
        answers += try await Self.steps(run, 6...7)
        #expect(try await Self.steps(House().make("run", Self.manifest(durability)), 1...7) == answers)

        // The record of its last answer is that of its moment too.
        _ = try await run.restore(to: 2, epoch: nil)
        let again = try await run.put(2, Self.gradients(2))
        #expect(try again.isReplay && Answered(again).raw == answers[1])
    }

    @Test func atParameterLevelOnlyWhatIsSteppedIsCopied() async throws {
        let house = try await House()
        let course = Course.parameterLevel
        let run = try await house.make("run", course.manifest)
        let control = try await House().make("run", course.manifest)
        for k in 1...4 {
            _ = try await course.step(run, k)
            _ = try await course.step(control, k)
        }
        let job = await run.beginCheckpoint(isAskedFor: false)
        _ = try await course.step(run, 5)
        #expect(house.runs.ledger.lentByteCount == 4 * (4 * 3 * 2 + (4 * 4 + 3 * 3) * 2))
        _ = try await course.step(run, 7 - 1)
        job.start()
        await run.absorbEnd(of: job)
        #expect(house.runs.ledger.lentByteCount == 0)
        #expect(try await run.downloaded(2) == control.exportedBytes())
        try await house.crash()
        #expect(try await house.run().put(3, of: "b", bytes(of: noise(3, 6))).durableStep == 3)
    }

    @Test func hostedWeightsAreThoseOfItsMoment() async throws {
        let house = try await House()
        var files: [[UInt8]] = []
        for isDisturbed in [true, false] {
            let run = try await house.make("run\(isDisturbed)", Self.manifest())
            try await run.hostWeights(body(Self.gradients(0)), epoch: nil)
            try await Self.steps(run, 1...2)
            let job = await run.beginCheckpoint(isAskedFor: false)
            if isDisturbed { try await Self.steps(run, 3...3) }
            job.start()
            await run.absorbEnd(of: job)
            files.append(try await tensors(of: buffer(run.downloaded(2))).tensors.flatMap(\.bytes))
        }
        #expect(files[0] == files[1])
    }

    /// Steps never stop for a checkpoint, and whichever moments those were, each is whole.
    @Test(arguments: ["log", "checkpoint"])
    func whileStepsGoOnEachCheckpointIsOfOneMoment(_ durability: String) async throws {
        let house = try await House()
        let manifest = Self.manifest(durability, #", "keep_checkpoints": 100"#)
        let run = try await house.make("run", manifest)
        async let stepping = Self.steps(run, 1...60)
        var steps: Set<Int> = []
        for _ in 0..<12 { steps.insert(try await run.makeCheckpoint().step) }
        let answers = try await stepping
        #expect(try await steps.isSubset(of: run.checkpoints().map(\.step)))
        let control = try await House().make("run", manifest)
        for k in 1...60 {
            let answer = try await Answered(control.put(k, Self.gradients(k))).raw
            #expect(answer == answers[k - 1])
            if steps.contains(k) { #expect(try await run.downloaded(k) == control.exportedBytes(), "step \(k)") }
        }
        #expect(house.runs.ledger.lentByteCount == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func stepsAreAnsweredWhileALargeStateIsWritten() async throws {
        let run = try await House().make(
            "run",
            #"{"optimizer": {"lr": 1}, "parameters": [{"name": "large", "shape": [12000000]}, {"name": "small", "shape": [3]}]}"#)
        #expect(try await run.putWhileCheckpointIsWritten(of: "small", [3]) > 1)
        #expect(try await run.checkpoints().map(\.step) == [0])
    }

    // MARK: Memory

    private static let stateByteCount = 4 * (2 * (40 * 30 + 30 * 30 + 64) + 2 * (40 * 40 + 30 * 30 + 30 * 30 + 30 * 30))
    private static let closed = """
        {"optimizer": {"lr": 0.01}, "parameters": [{"name": "a", "shape": [40, 30]}, {"name": "b", "shape": [30, 30]}, {"name": "c", "shape": [64]}]}
        """

    /// Without room for copies a step waits; with room for some, for the others.
    @Test(.timeLimit(.minutes(1)), arguments: [0, 4 * 2 * 64, 30_000, 40_000], [false, true])
    func withoutRoomForCopiesStepsWait(room: Int, isStarted: Bool) async throws {
        let house = try await House(memoryBudget: Self.stateByteCount + room)
        let run = try await house.make("run", Self.closed)
        try await Self.steps(run, 1...2)
        let job = await run.beginCheckpoint(isAskedFor: false)
        if isStarted { job.start() }
        let answers = try await Self.steps(run, 3...3)
        let made = try await run.absorbEnd(of: job).get()
        #expect(made.header.step == 2)
        let control = try await House().make("run", Self.closed)
        try await Self.steps(control, 1...2)
        #expect(try await run.downloaded(2) == control.exportedBytes())
        #expect(try await Self.steps(control, 3...3) == answers)
        #expect(house.runs.ledger.lentByteCount == 0)
    }

    // MARK: One at a time

    @Test func ofTwoThatAreAskedForTheSecondWaits() async throws {
        let run = try await House().make("run", Self.manifest("log", #", "keep_checkpoints": 1"#))
        try await Self.steps(run, 1...1)
        let first = await run.beginCheckpoint(label: "first", isAskedFor: true)
        async let second = run.makeCheckpoint(label: "second")
        while await run.checkpointsAskedFor == 0 { await Task.yield() }
        try await Self.steps(run, 2...2)
        #expect(await run.underWay === first)
        first.start()
        #expect(try await second.step == 2)
        #expect(try await run.checkpoints().map(\.label) == ["first", "second"])
    }

    @Test func anUpToDateOneIsTheOneUnderWay() async throws {
        let run = try await House().make("run", Self.manifest())
        try await Self.steps(run, 1...1)
        let job = await run.beginCheckpoint(isAskedFor: false)
        async let found = run.upToDateCheckpoint()
        job.start()
        #expect(try await found.step == 1)
        #expect(try await run.checkpoints().count == 1)
    }

    /// The steps since the moment of a checkpoint count towards the next.
    @Test func theNextOneIsDueSoManyStepsAfterItsMoment() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 1}, "policy": {"checkpoint_every": 3, "keep_checkpoints": 9}}"#)
        try await Self.steps(run, 1...2)
        let job = await run.beginCheckpoint(isAskedFor: false)
        try await Self.steps(run, 3...4)
        job.start()
        await run.absorbEnd(of: job)
        #expect(await !run.checkpointing.isScheduled)
        try await Self.steps(run, 5...5)
        while await run.checkpointing.isScheduled { try await Task.sleep(for: .milliseconds(2)) }
        #expect(try await run.checkpoints().map(\.step) == [2, 5])
    }
}

extension Run {
    /// Takes steps until a checkpoint that is begun before them is complete, and counts them.
    fileprivate func putWhileCheckpointIsWritten(of name: TensorName, _ shape: [Int]) throws -> Int {
        beginCheckpoint(isAskedFor: false).start()
        var count = 0
        while try checkpoints().isEmpty {
            count += 1
            try put(count, [.gradient(name, shape, count)])
        }
        settleCheckpoint()
        return count
    }
}
