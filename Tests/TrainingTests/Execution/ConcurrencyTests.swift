import Dispatch
import Foundation
import Memory
import Safetensors
import Storage
import StrictJSON
import Testing

@testable import Training

extension Run {
    /// Keeps the run busy, as a long step does.
    fileprivate func hold(until gate: DispatchSemaphore) { gate.wait() }
}

struct ConcurrencyTests {
    private static let manifest = #"{"optimizer": {"lr": 0.01, "precondition_frequency": 2}}"#

    /// Wide enough that steps go to the compute threads.
    private func gradients(_ seed: Int) -> [Sent] {
        [
            .gradient("a", [40, 30], seed), .gradient("b", [30, 30], seed + 1), .gradient("c", [64], seed + 2),
            .gradient("d", [8, 8, 8], seed + 3),
        ]
    }

    private func answers(_ run: Run, _ seed: Int) async throws -> [[UInt8]] {
        var answers: [[UInt8]] = []
        for k in 1...5 { answers.append(try await Answered(run.put(k, gradients(100 * seed + k))).raw) }
        return answers
    }

    @Test func runsSideBySideAnswerAsEachAlone() async throws {
        var alone: [[[UInt8]]] = []
        for seed in 0..<4 {
            alone.append(try await answers(House(threadCount: 1).make("run", Self.manifest), seed))
        }
        let house = try await House(threadCount: 3)
        let together = try await withThrowingTaskGroup(of: (Int, [[UInt8]]).self) { group in
            for seed in 0..<4 {
                group.addTask { try await (seed, answers(house.make("run\(seed)", Self.manifest), seed)) }
            }
            return try await group.reduce(into: Array(repeating: [[UInt8]](), count: 4)) { $0[$1.0] = $1.1 }
        }
        #expect(together == alone)
    }

    /// A manifest of many groups takes seconds to read, in which other runs are made.
    @Test func aLargeManifestKeepsNobodyElseWaiting() async throws {
        let groups = (0..<1_000).map { #""g\#($0)": {"match": ["*a*a*a*a*b"]}"# }.joined(separator: ", ")
        let parameters = (0..<60).map { #"{"name": "\#(String(repeating: "a", count: 500))\#($0)", "shape": [1]}"# }.joined(separator: ", ")
        let house = try await House()
        let isOver = Locked(false)
        try await withThrowingTaskGroup { group in
            group.addTask {
                _ = try await house.make("large", #"{"optimizer": {"lr": 0.01}, "groups": {\#(groups)}, "parameters": [\#(parameters)]}"#)
                isOver.withLock { $0 = true }
            }
            try await Task.sleep(for: .milliseconds(100))
            _ = try await house.make("small", Self.manifest)
            #expect(isOver.withLock { $0 } == false)
            try await house.runs.delete(RunName("small"), epoch: nil)
            #expect(isOver.withLock { $0 } == false)
            try await group.waitForAll()
        }
        #expect(try house.runs.list().map(\.name.description) == ["large"])
    }

    @Test func aHundredEqualPutsApplyTheStepOnce() async throws {
        let run = try await House().make("run", Self.manifest)
        let answers = try await withThrowingTaskGroup(of: StepAnswer.self) { group in
            for _ in 0..<100 { group.addTask { try await run.put(1, gradients(1)) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count { !$0.isReplay } == 1)
        #expect(Set(try answers.map { try Answered($0).raw }).count == 1)
        #expect(await run.stepCounts() == ["a": 1, "b": 1, "c": 1, "d": 1])
        #expect(try await run.snapshot().logEntries == 1)
    }

    @Test func ofDifferentPutsOneIsAppliedAndTheOthersAreTold() async throws {
        let run = try await House().make("run", Self.manifest)
        let codes = await withTaskGroup(of: TrainingError.Code?.self) { group in
            for seed in 0..<20 {
                group.addTask {
                    do { try await run.put(1, gradients(seed)) } catch { return (error as? TrainingError)?.code }
                    return nil
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.count { $0 == nil } == 1)
        #expect(codes.count { $0 == .bodyDiffers } == 19)
    }

    @Test func aRunIsDeletedBetweenStepsAndMadeAnew() async throws {
        let house = try await House()
        for round in 0..<10 {
            let run = try await house.make("run", Self.manifest)
            #expect(run.status.step == 0, "round \(round)")
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for k in 1...20 {
                        do { try await run.put(k, gradients(k)) } catch {
                            #expect((error as? TrainingError)?.code == .unknownRun)
                        }
                    }
                }
                group.addTask {
                    try? await Task.sleep(for: .milliseconds(round))
                    await #expect(throws: Never.self) { try await house.runs.delete(RunName("run"), epoch: nil) }
                    await expectRefusal(.unknownRun) { _ = try house.run() }
                }
            }
            #expect(house.runs.ledger.reservedByteCount == 0)
            #expect(try house.store.runs().isEmpty)
        }
    }

    @Test func makingDeletingAndMakingAgainNeverHandsOutADeadRun() async throws {
        let house = try await House()
        let manifest = try JSONValue(parsing: Array(Self.manifest.utf8))
        let name = try RunName("run")
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<6 {
                group.addTask {
                    for _ in 0..<30 {
                        if worker < 2 {
                            do { try await house.runs.delete(name, epoch: nil) } catch {
                                #expect((error as? TrainingError)?.code == .unknownRun)
                            }
                        } else {
                            await #expect(throws: Never.self) { _ = try await house.runs.make(name, manifest: manifest) }
                        }
                    }
                }
            }
        }
        let (run, _) = try await house.runs.make(name, manifest: manifest)
        try await run.put(1, gradients(1))
        #expect(try house.store.runs().count == 1)
    }

    @Test func aRunMadeWhileItsNamesakeIsBeingDeletedIsANewOne() async throws {
        let house = try await House()
        let old = try await house.make("run", Self.manifest)
        let gate = DispatchSemaphore(value: 0)
        async let busy: Void = old.hold(until: gate)
        async let deleted: Void = house.runs.delete(RunName("run"), epoch: nil)
        try await Task.sleep(for: .milliseconds(50))
        async let made = house.make("run", Self.manifest)
        try await Task.sleep(for: .milliseconds(50))
        gate.signal()
        _ = try await (busy, deleted)
        let new = try await made
        #expect(new !== old)
        #expect(try await new.isThere())
        #expect(try house.run() === new)
    }

    @Test func aScheduledCheckpointOfADeletedRunDoesNothing() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 1}, "policy": {"checkpoint_every": 1}}"#)
        try await run.put(1, gradients(1))
        try await house.runs.delete(RunName("run"), epoch: nil)
        #expect(try await !run.isThere())
        #expect(!house.log.lines.contains { $0.hasPrefix("error") }, "\(house.log.lines)")
    }

    @Test func theSameNameWithAnotherManifestIsRefused() async throws {
        let house = try await House()
        let first = try await house.make("run", Self.manifest)
        #expect(try await house.make("run", #"{"optimizer": {"precondition_frequency": 2.0, "lr": 1e-2}}"#) === first)
        await expectRefusal(.runExists) { try await house.make("run", #"{"optimizer": {"lr": 0.02}}"#) }
    }

    @Test func readingDoesNotWaitAndTellsTheTruth() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        async let steps: Void = {
            for k in 1...10 { try await run.put(k, gradients(k)) }
        }()
        var seen = 0
        while seen < 10 {
            let step = run.status.step
            #expect(step >= seen)
            seen = step
            await Task.yield()
        }
        try await steps
        #expect(try house.runs.list().map(\.step) == [10])
    }
}
