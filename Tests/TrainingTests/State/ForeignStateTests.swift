import LinearAlgebra
import Memory
import SOAP
import Safetensors
import StrictJSON
import Testing

@testable import Training

/// State in the layouts of PyTorch trainers.
struct ForeignStateTests {
    private static let manifest = """
        {"optimizer": {"lr": 0.01, "precondition_frequency": 3}, "groups": {"one": {"match": ["v"], "precondition_1d": true}}}
        """

    /// A run at step 5, with a matrix, two vectors and a tensor of rank 3.
    private func trained(_ manifest: String = ForeignStateTests.manifest) async throws -> Run {
        let run = try await House().make("run", manifest)
        for k in 1...5 {
            try await run.put(
                k, [.gradient("a.Q.0", [6, 4], k), .gradient("b", [4], k), .gradient("v", [5], k), .gradient("c", [3, 2, 4], k)])
        }
        return run
    }

    @Test func parametersAtDifferentStepsAreThoseOfWholeSteps() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        let tensors = [("a", 10), ("b", 4)].flatMap { name, step in
            [
                Sent(TensorName(stringLiteral: "\(name).exp_avg"), [2], [1, 2]),
                Sent(TensorName(stringLiteral: "\(name).exp_avg_sq"), [2], [1, 1]),
                Sent(TensorName(stringLiteral: "\(name).step"), [1], [Float(step)]),
            ]
        }
        try await run.importState(body(tensors), epoch: nil)
        #expect(run.status.step == 10)
        await expectRefusal(.levelMixed) { try await run.put(11, of: "a", bytes(of: noise(2, 1))) }
        #expect(try await run.put(11, [.gradient("a", [2], 1)]).step == 11)
    }

    /// State and counts, without what belongs to the last step.
    private func state(of run: Run) async throws -> Run.Snapshot {
        var snapshot = try await run.snapshot()
        snapshot.tensors = snapshot.tensors.filter { !$0.key.hasSuffix("answer") }
        (snapshot.logEntries, snapshot.epoch, snapshot.level) = (0, 0, nil)
        snapshot.counts = snapshot.counts.map { [$0[0], $0[2]] }
        return snapshot
    }

    private struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var metadata = [(key: "layout", value: "emerging_optimizers")]
        let change: @Sendable ([Sent]) -> [Sent]
    }

    private static let cases = [
        Case(testDescription: "lists") { $0 },
        Case(testDescription: "the paper's code", metadata: [("layout", "soap")]) { $0 },
        Case(testDescription: "in double precision") { $0.map(\.widened) },
        Case(testDescription: "the order of a file does not matter") { $0.reversed().sorted { $0.name.description < $1.name.description } },
        Case(testDescription: "empty matrices for what is not preconditioned") {
            $0 + [Sent("b.GG.0", [0], []), Sent("b.Q.0", [0, 0], [])]
        },
        Case(testDescription: "the step in the metadata", metadata: [("layout", "soap"), ("step", "5")]) { tensors in
            tensors.filter { !$0.name.description.hasSuffix(".step") }
        },
        Case(testDescription: "steps of several types") { tensors in
            let steps: [(TensorName, Sent)] = [
                ("a.Q.0.step", Sent("a.Q.0.step", [], .i64, bytes: bytes(of: [Int64(5)]))),
                ("b.step", Sent("b.step", [1], .u8, bytes: [5])), ("v.step", Sent("v.step", [1, 1], .f64, bytes: bytes(of: [5.0]))),
                ("c.step", Sent("c.step", [], .bf16, bytes: [0xA0, 0x40])),
            ]
            return tensors.map { tensor in steps.first { $0.0 == tensor.name }?.1 ?? tensor }
        },
    ]

    @Test(arguments: cases)
    private func aStateIsTakenBitForBit(_ layout: Case) async throws {
        let source = try await trained()
        let run = try await House().make("run", ForeignStateTests.manifest)
        // The order of parameters is that of the file, unless the run knows them.
        let first = try await House().make("first", ForeignStateTests.manifest)
        try await first.importState(body(source.flattened(), metadata: [("layout", "emerging_optimizers")]), epoch: nil)
        try await run.importState(source.exported(), epoch: nil)
        try await run.importState(body(layout.change(source.flattened()), metadata: layout.metadata), epoch: nil)
        #expect(try await state(of: run) == state(of: source))
        #expect(try await state(of: first) == state(of: source))
        let next: [Sent] = [.gradient("a.Q.0", [6, 4], 6), .gradient("v", [5], 6)]
        #expect(try await Answered(run.put(6, next)).raw == Answered(source.put(6, next)).raw)
    }

    @Test func leftAndRightAreTheDimensionsOfAMatrix() async throws {
        let manifest = #"{"optimizer": {"lr": 0.01}}"#
        let source = try await House().make("run", manifest)
        for k in 1...3 { try await source.put(k, [.gradient("w", [4, 3], k), .gradient("b", [3], k)]) }
        let keys: [TensorName: TensorName] = ["w.GG.0": "w.L", "w.GG.1": "w.R", "w.Q.0": "w.Q_L", "w.Q.1": "w.Q_R"]
        let tensors = await source.flattened().map { tensor in
            var tensor = tensor
            tensor.name = keys[tensor.name] ?? tensor.name
            return tensor
        }
        let run = try await House().make("run", manifest)
        try await run.importState(body(tensors), epoch: nil)
        #expect(try await state(of: run) == state(of: source))
    }

    @Test func anExpAvgThatIsNotRotatedIsBroughtIntoTheBases() async throws {
        let source = try await trained()
        var tensors = await source.flattened()
        for (name, rank) in [("a.Q.0", 2), ("c", 3), ("v", 1)] {
            func wide(_ tensor: Sent) -> Tensor<Double> { Tensor(shape: tensor.shape, elements: tensor.floats.map(Double.init)) }
            let bases = (0..<rank).compactMap { d in tensors.first { $0.name.description == "\(name).Q.\(d)" }.map(wide) }
            try tensors.change(TensorName(stringLiteral: "\(name).exp_avg")) { tensor in
                let original = try SOAPFunctions.precondition(wide(tensor), bases: bases, dims: [[0], [1]])
                tensor = Sent(tensor.name, tensor.shape, .f64, bytes: bytes(of: original.elements))
            }
        }
        let run = try await House().make("run", ForeignStateTests.manifest)
        try await run.importState(body(tensors, metadata: [("layout", "pytorch_optimizer")]), epoch: nil)
        let (found, expected) = (try await state(of: run), try await state(of: source))
        #expect(found.counts == expected.counts)
        for (name, bytes) in expected.tensors where !name.hasSuffix("exp_avg") { #expect(found.tensors[name] == bytes, "\(name)") }
        for name in ["a.Q.0", "b", "c", "v"] {
            let values = expected.tensors["\(name) exp_avg"]?.withUnsafeBytes { elements($0, as: Float.self) } ?? []
            let got = found.tensors["\(name) exp_avg"]?.withUnsafeBytes { elements($0, as: Float.self) } ?? []
            // Rotated back and forth with bases that are orthonormal in single precision.
            #expect(zip(got, values).allSatisfy { abs($0 - $1) < 1e-5 } && got.count == values.count && !got.isEmpty, "\(name)")
        }
    }

    @Test func beforeTheFirstBasisThereIsNoneWhateverTheFileKeeps() async throws {
        let manifest = #"{"optimizer": {"lr": 0.01, "adam_warmup_steps": 4}}"#
        let source = try await House().make("run", manifest)
        for k in 1...4 { try await source.put(k, [.gradient("w", [3, 2], k)]) }
        let plain = await source.flattened()
        let identities = [Sent("w.Q.0", [3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]), Sent("w.Q.1", [2, 2], [1, 0, 0, 1])]
        for tensors in [plain, plain + identities] {
            let run = try await House().make("run", manifest)
            try await run.importState(body(tensors, metadata: [("layout", "emerging_optimizers")]), epoch: nil)
            #expect(try await state(of: run) == state(of: source))
        }
        let run = try await House().make("run", manifest)
        let rotated = [identities[0], Sent("w.Q.1", [2, 2], [0, 1, 1, 0])]
        let error = await expectRefusal(.invalidState) {
            try await run.importState(body(plain + rotated, metadata: [("layout", "emerging_optimizers")]), epoch: nil)
        }
        #expect(error?.field("tensor") == "w.Q.1")
        // To the paper's code, which knows no warm-up, the same matrices are bases.
        try await run.importState(body(plain + rotated, metadata: [("layout", "soap")]), epoch: nil)
        #expect(try await run.snapshot().counts == [[4, 4, 4]])
    }

    @Test func aWarmUpWithoutAnEndHasNoBases() async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01, "adam_warmup_steps": 9223372036854775807}}"#)
        let tensors = [
            Sent("w.exp_avg", [1, 1], [1]), Sent("w.exp_avg_sq", [1, 1], [1]), Sent("w.L", [1, 1], [1]), Sent("w.R", [1, 1], [1]),
        ]
        try await run.importState(body(tensors, metadata: [("step", "9007199254740992")]), epoch: nil)
        #expect(run.status.step == 1 << 53)
        #expect(try await run.put((1 << 53) + 1, [Sent("w", [1, 1], [1])]).step == (1 << 53) + 1)
    }

    @Test func basesOfAStepThatWasNotCountedAreMadeAnew() async throws {
        let tensors = [
            Sent("w.exp_avg", [2, 2], [0, 0, 0, 0]), Sent("w.exp_avg_sq", [2, 2], [0, 0, 0, 0]), Sent("w.step", [], [0]),
            Sent("w.GG.0", [2, 2], [2, 1, 1, 2]), Sent("w.GG.1", [2, 2], [1, 0, 0, 1]), Sent("w.Q.0", [2, 2], [0, 1, 1, 0]),
            Sent("w.Q.1", [2, 2], [1, 0, 0, 1]),
        ]
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await run.importState(body(tensors, metadata: [("layout", "soap")]), epoch: nil)
        let snapshot = try await run.snapshot()
        #expect(snapshot.counts == [[0, 0, -1]] && snapshot.tensors["w factor.0"] == bytes(of: [2, 1, 1, 2] as [Float]))
        try await run.put(1, [.gradient("w", [2, 2], 1)])
        #expect(try await run.snapshot().counts == [[1, 0, 1]])
    }

    @Test func theLastRefreshFollowsFromTheFrequency() async throws {
        let source = try await trained()
        var tensors = await source.flattened()
        tensors.change("v.step") { $0.floats = [3] }
        let run = try await House().make("run", ForeignStateTests.manifest)
        try await run.importState(body(tensors, metadata: [("layout", "soap")]), epoch: nil)
        // Every third step from the first on; plain Adam has none; "v" was left out twice.
        #expect(try await run.snapshot().counts == [[5, 5, 4], [5, 5, -1], [3, 3, 1], [5, 5, 4]])
        #expect(run.status.step == 5)
        #expect(try await run.parameterDescription("v")["step"] == 3)
        try await run.put(6, [.gradient("v", [5], 6)])
        #expect(try await run.parameterDescription("v")["step"] == 4)
    }
}
