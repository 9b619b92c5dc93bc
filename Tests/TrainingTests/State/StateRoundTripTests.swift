import Memory
import Safetensors
import StrictJSON
import Testing

@testable import Training

/// Exporting, importing and going on is, bit for bit, never having stopped.
struct StateRoundTripTests {
    private static let courses = [
        Course(testDescription: "run level", manifest: #"{"optimizer": {"lr": 0.01, "precondition_frequency": 2}}"#) { run, k in
            var tensors = [Sent.gradient("w", [6, 5], k), .gradient("conv.Q.0", [3, 2, 2], k)]
            if k % 2 == 0 { tensors.append(.gradient("b", [5], k)) }
            if k > 6 { tensors.append(.gradient("late", [4, 4], k)) }
            return try await run.put(k, tensors)
        },
        Course(
            testDescription: "groups",
            manifest: """
                {"optimizer": {"lr": 0.01}, "groups": {"g": {"match": ["b"], "lr": 0.5, "precondition_1d": true}, "h": {"lr": 1}},
                 "parameters": [{"name": "w", "shape": [4, 3], "group": "h"}, {"name": "b", "shape": [3]}]}
                """
        ) { run, k in
            try await run.put(k, [.gradient("w", [4, 3], k), .gradient("b", [3], k)])
        },
        Course(
            testDescription: "hosted weights", manifest: #"{"optimizer": {"lr": 0.01, "weight_decay_method": "l2"}}"#,
            before: { run, k in if k == 0 { try await run.hostWeights(body([.gradient("w", [4, 3], 50)]), epoch: nil) } },
            step: { run, k in try await run.put(k, [.gradient("w", [4, 3], k)]) { $0.returned = .weights } }),
        Course.parameterLevel,
        Course(
            testDescription: "staggered refresh",
            manifest: #"{"optimizer": {"lr": 0.01, "precondition_frequency": 3, "stagger_refresh": true}}"#
        ) { run, k in
            let names: [TensorName] = k < 3 ? ["w", "v"] : k < 7 ? ["w", "v", "u"] : ["w", "v", "u", "a"]
            return try await run.put(k, names.map { .gradient($0, [4, 3], k) })
        },
        Course(
            testDescription: "skipped steps at parameter level",
            manifest: """
                {"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [4, 3]}], "policy": {"on_nonfinite": "skip"}}
                """
        ) { run, k in try await run.put(k, of: "w", bytes(of: k == 2 ? [Float](repeating: .nan, count: 12) : noise(12, k))) },
        Course(
            testDescription: "KL-Shampoo in its warm-up",
            manifest: #"{"optimizer": {"lr": 0.01, "use_kl_shampoo": true, "eps": 1e-3, "adam_warmup_steps": 6}}"#
        ) { run, k in try await run.put(k, [.gradient("w", [4, 3], k), .gradient("b", [3], k)]) },
    ]

    @Test(arguments: courses, [0, 1, 5])
    func goingOnFromAFileIsNeverHavingStopped(_ course: Course, _ stop: Int) async throws {
        let control = try await House().make("run", course.manifest)
        try await course.before(control, 0)
        for k in 1...9 where k <= stop { _ = try await course.step(control, k) }
        let file = try await control.exported()
        // Into a run that has gone its own way.
        let run = try await House().make("other", course.manifest)
        if stop == 5 {
            try await course.before(run, 0)
            _ = try await course.step(run, 1)
        }
        let description = try await run.importState(file, epoch: 0)
        #expect(description["epoch"] == 1 && description["step"] == JSONValue(control.status.step))
        for k in 1...9 where k > stop {
            let expected = try await course.step(control, k)
            let answer = try await course.step(run, k)
            #expect(answer.content.map { Array($0.bytes) } == expected.content.map { Array($0.bytes) }, "step \(k)")
            #expect(answer.epoch == 1)
        }
        var found = try await run.snapshot()
        var whole = try await control.snapshot()
        (found.logEntries, whole.logEntries) = (0, 0)
        (found.epoch, whole.epoch) = (0, 0)
        #expect(found == whole)
    }

    @Test func anImportTakesThePlaceOfAllThatWas() async throws {
        let source = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1...3 { try await source.put(k, [.gradient("w", [4, 3], k)]) }
        let file = try await source.exported()
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        let last = try await run.put(1, [.gradient("w", [4, 3], 9)])
        let reserved = house.runs.ledger.reservedByteCount
        try await run.importState(file, epoch: 0)
        #expect(house.runs.ledger.reservedByteCount == reserved, "the old state's memory is given back")
        #expect(last.epoch == 0)
        await expectRefusal(.epochFenced) { try await run.importState(file, epoch: 0) }
        await expectRefusal(.epochFenced) { try await run.put(4, [.gradient("w", [4, 3], 4)], epoch: 0) }
        // The step before the import is not replayable, and neither is the file's.
        let third = try await source.put(3, [.gradient("w", [4, 3], 3)])
        #expect(third.isReplay)
        await expectRefusal(.alreadyApplied) { try await run.put(3, [.gradient("w", [4, 3], 3)], epoch: 1) }
        #expect(try await run.put(4, [.gradient("w", [4, 3], 4)], epoch: 1).step == 4)
        try await run.importState(file, epoch: 1)
        #expect(run.status.epoch == 2 && run.status.step == 3)
    }

    @Test func hostedWeightsStayUnlessTheFileHasOthers() async throws {
        let source = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await source.put(1, [.gradient("w", [4, 3], 1)])
        let bare = try await source.exported()
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await run.hostWeights(body([.gradient("w", [4, 3], 7)]), epoch: nil)
        try await run.importState(bare, epoch: nil)
        #expect(try await Answered(run.weights()).floats("w") == noise(12, 7))
        var (tensors, metadata) = try tensors(of: bare)
        tensors.append(Sent("w.weight", [4, 3], noise(12, 8)).widened)
        try await run.importState(body(tensors, metadata: metadata), epoch: nil)
        #expect(try await Answered(run.weights()).floats("w") == noise(12, 8))
    }
}
