import SOAP
import Safetensors
import Storage
import StrictJSON
import Testing

@testable import Training

struct MemoryBudgetTests {
    private let large =
        #"{"optimizer": {"lr": 1}, "parameters": [{"name": "small", "shape": [8]}, {"name": "large", "shape": [20000, 20000]}]}"#

    @Test func aRunThatDoesNotFitIsRefusedBeforeAnythingIsAllocated() async throws {
        let house = try await House(memoryBudget: 1 << 20)
        let error = await expectRefusal(.outOfMemory) { try await house.make("run", large) }
        let needed = 2 * 4 * (8 + 3 * 20000 * 20000)
        #expect(error?.field("needed_bytes") == JSONValue(needed))
        #expect(error?.field("available_bytes") == JSONValue(1 << 20))
        #expect(error?.field("costliest")?.arrayValue?.first?["name"] == "large")
        let savings = error?.field("with_max_precondition_dim")?.arrayValue
        #expect(savings?.first?["max_precondition_dim"] == 4096)
        #expect(savings?.first?["state_bytes"] == JSONValue(2 * 4 * (8 + 20000 * 20000)))
        #expect(house.runs.ledger.reservedByteCount == 0)
        #expect(try house.store.runs().isEmpty)
        await expectRefusal(.unknownRun) { _ = try house.run() }
    }

    @Test func sizesBeyondCountingAreRefusedToo() {
        let uncountable = StateEstimate(name: "w", shape: [.max, 2], options: SOAPOptions(learningRate: 1))
        let one = StateEstimate(name: "b", shape: [1], options: SOAPOptions(learningRate: 1))
        #expect([uncountable].byteCount == .max)
        #expect([one, uncountable, uncountable].byteCount == .max)
        #expect([one, one].byteCount == 16)
    }

    @Test func whatADeletedRunHeldIsFree() async throws {
        let house = try await House(memoryBudget: 1 << 20)
        let manifest = #"{"optimizer": {"lr": 1}, "parameters": [{"name": "w", "shape": [150, 150]}]}"#
        try await house.make("one", manifest)
        #expect(house.runs.ledger.reservedByteCount == 24 * 150 * 150)
        await expectRefusal(.outOfMemory) { try await house.make("two", manifest) }
        try await house.runs.delete(RunName("one"), epoch: nil)
        #expect(house.runs.ledger.reservedByteCount == 0)
        try await house.make("two", manifest)
    }

    @Test func aStepThatRegistersMoreThanFitsIsRefusedWhole() async throws {
        let house = try await House(memoryBudget: 1 << 16)
        let run = try await house.make("run", #"{"optimizer": {"lr": 1}}"#)
        try await run.put(1, [.gradient("a", [8, 8], 1)])
        let before = try await run.snapshot()
        await expectRefusal(.outOfMemory) { try await run.put(2, [.gradient("a", [8, 8], 2), .gradient("b", [60, 60], 3)]) }
        #expect(try await run.snapshot() == before)
        try await run.put(2, [.gradient("a", [8, 8], 2)])
    }

    @Test func weightsAreReservedAndGivenBack() async throws {
        let house = try await House(memoryBudget: 24 * 64 + 4 * 64 - 1)
        let run = try await house.make("run", #"{"optimizer": {"lr": 1}, "parameters": [{"name": "a", "shape": [8, 8]}]}"#)
        await expectRefusal(.outOfMemory) { try await run.hostWeights(body([.gradient("a", [8, 8], 1)]), epoch: nil) }
        #expect(house.runs.ledger.reservedByteCount == 24 * 64)
    }

    /// Runs that are not back yet have not reserved their memory.
    @Test func nothingGrowsBeforeAllRunsAreBack() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 1}}"#)
        for k in 1...2 { try await run.put(k, [.gradient("a", [8, 8], k)]) }
        let state = try await run.exported()
        let before = try await run.snapshot()
        let directory = await run.surroundings.directory
        directory.readiness = .recovering(nil)
        directory.noteProgress { $0.runsTotal = 2 }
        await expectRefusal(.recovering) { try await run.put(3, [.gradient("a", [8, 8], 3), .gradient("b", [8], 3)]) }
        await expectRefusal(.recovering) { try await run.hostWeights(body([.gradient("a", [8, 8], 1)]), epoch: nil) }
        await expectRefusal(.recovering) { try await run.importState(state, epoch: nil) }
        await expectRefusal(.recovering) { _ = try await run.restore(to: 2, epoch: nil) }
        #expect(try await run.snapshot() == before)
        #expect(await !run.isLentMemory())
        // What needs no new memory goes on, and so does a run that has to be read again.
        try await run.put(3, [.gradient("a", [8, 8], 3)])
        await run.lose()
        try await run.put(4, [.gradient("a", [8, 8], 4)])
        directory.readiness = .ready
        #expect(await run.isLentMemory())
        try await run.put(5, [.gradient("a", [8, 8], 5), .gradient("b", [8], 5)])
    }

    @Test func theLedgerNeverPromisesMoreThanItHas() {
        let ledger = MemoryLedger(budget: 10)
        #expect(ledger.reserve(10))
        #expect(!ledger.reserve(1))
        #expect(!ledger.reserve(.max))
        #expect(ledger.reserve(0))
        ledger.release(4)
        #expect(ledger.reserve(4))
        #expect(ledger.reservedByteCount == 10)
    }

    @Test func aLoanIsNotAPromise() {
        let ledger = MemoryLedger(budget: 10, loanLimit: 0.02)
        #expect(ledger.reserve(4))
        #expect(ledger.lend(5))
        #expect(!ledger.lend(2), "not beyond the budget")
        #expect(!ledger.reserve(7), "what does not fit beside the reserved is refused at once")
        #expect(!ledger.reserve(6), "a loan that does not come back")
        #expect(ledger.reserve(1))
        #expect(ledger.reservedByteCount == 5 && ledger.lentByteCount == 5)
    }

    @Test(.timeLimit(.minutes(1)))
    func whoeverReservesWaitsForALoan() async throws {
        let ledger = MemoryLedger(budget: 10)
        #expect(ledger.lend(10))
        let threads = WorkerThreads()
        async let isReserved = threads.perform { ledger.reserve(8) }
        try await Task.sleep(for: .milliseconds(20))
        ledger.takeBack(3)
        #expect(ledger.reservedByteCount == 0)
        ledger.takeBack(7)
        #expect(try await isReserved)
        #expect(ledger.reservedByteCount == 8)
    }
}

extension Run {
    /// Whether a checkpoint may copy what a step is about to change.
    fileprivate func isLentMemory() -> Bool {
        CheckpointCopy(of: CheckpointPart(parameters.all[0]), in: surroundings) != nil
    }
}
