import Memory
import SOAP
import Safetensors
import StrictJSON
import Testing

@testable import Training

/// A state that cannot be continued is refused, with what is wrong with it, and changes nothing.
struct StateRefusalTests {
    /// A file, and what is said about it.
    private struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var metadata = [(key: "layout", value: "emerging_optimizers")]
        var code = TrainingError.Code.invalidState
        /// The tensor that the refusal names.
        var tensor: String?
        let change: @Sendable (inout [Sent]) -> Void
    }

    private static func matrix(_ name: TensorName, _ shape: [Int], _ value: Float) -> Sent {
        Sent(name, shape, [Float](repeating: value, count: shape.reduce(1, *)))
    }

    private static let foreign = [
        Case(testDescription: "lists without a layout", metadata: [], code: .layoutRequired) { _ in },
        Case(testDescription: "another layout", metadata: [("layout", "adam")], code: .layoutRequired) { _ in },
        Case(testDescription: "Lather's own is no layout to name", metadata: [("layout", "lather")], code: .layoutRequired) { _ in },
        Case(testDescription: "no parameter") { $0 = [] },
        Case(testDescription: "a parameter of the run is missing", code: .stateIncomplete) {
            $0.removeAll { $0.name.description.hasPrefix("b") }
        },
        Case(testDescription: "a parameter more", code: .undeclaredParameter) {
            $0 += [matrix("x.exp_avg", [2], 0), matrix("x.exp_avg_sq", [2], 0), matrix("x.step", [], 1)]
        },
        Case(testDescription: "another shape", code: .wrongShape) { $0.change("b.exp_avg") { $0 = matrix("b.exp_avg", [4], 0) } },
        Case(testDescription: "a transposed moment", code: .wrongShape, tensor: "w.exp_avg_sq") {
            $0.change("w.exp_avg_sq") { $0.shape = [3, 4] }
        },
        Case(testDescription: "a factor of another size", code: .wrongShape, tensor: "w.GG.1") {
            $0.change("w.GG.1") { $0 = matrix($0.name, [2, 2], 0) }
        },
        Case(testDescription: "a flat factor", code: .wrongShape, tensor: "w.GG.1") { $0.change("w.GG.1") { $0.shape = [9] } },
        Case(testDescription: "no factor", tensor: "w.GG.0") { $0 = $0.without("w.GG.0") },
        Case(testDescription: "an empty factor", tensor: "w.GG.0") { $0.change("w.GG.0") { $0 = matrix($0.name, [0, 0], 0) } },
        Case(testDescription: "no basis", tensor: "w.Q.1") { $0 = $0.without("w.Q.1") },
        Case(testDescription: "no second moment", tensor: "b.exp_avg_sq") { $0 = $0.without("b.exp_avg_sq") },
        Case(testDescription: "no first moment", tensor: "b.exp_avg") { $0 = $0.without("b.exp_avg") },
        Case(testDescription: "no step", tensor: "b.step") { $0 = $0.without("b.step") },
        Case(testDescription: "a factor of plain Adam", tensor: "b.GG.0") { $0.append(matrix("b.GG.0", [3, 3], 1)) },
        Case(testDescription: "a dimension too many", tensor: "w.GG.2") { $0.append(matrix("w.GG.2", [3, 3], 1)) },
        Case(testDescription: "both spellings", tensor: "w.L") { $0.append(matrix("w.L", [4, 4], 1)) },
        Case(testDescription: "a tensor of another optimizer", tensor: "w.momentum") { $0.append(matrix("w.momentum", [4, 3], 1)) },
        Case(testDescription: "a name without a parameter", code: .invalidParameterName) { $0.append(matrix(".exp_avg", [1], 1)) },
        Case(testDescription: "a key alone", tensor: "exp_avg") { $0.append(matrix("exp_avg", [1], 1)) },
        Case(testDescription: "an index with a leading zero", tensor: "w.Q.01") { $0.append(matrix("w.Q.01", [1], 1)) },
        Case(testDescription: "integers as state", code: .wrongDType, tensor: "b.exp_avg") {
            $0.change("b.exp_avg") { $0 = Sent($0.name, [3], .i32, bytes: [UInt8](repeating: 0, count: 12)) }
        },
        Case(testDescription: "half a step", tensor: "w.step") { $0.change("w.step") { $0.floats = [2.5] } },
        Case(testDescription: "a negative step", tensor: "w.step") { $0.change("w.step") { $0.floats = [-1] } },
        Case(testDescription: "no number of steps", tensor: "w.step") { $0.change("w.step") { $0.floats = [.nan] } },
        Case(testDescription: "a step beyond counting", tensor: "w.step") {
            $0.change("w.step") { $0 = Sent($0.name, [], .f64, bytes: bytes(of: [1e300])) }
        },
        Case(testDescription: "the largest integer as a step", tensor: "w.step") {
            $0.change("w.step") { $0 = Sent($0.name, [], .u64, bytes: bytes(of: [UInt64.max])) }
        },
        Case(testDescription: "two steps", tensor: "w.step") { $0.change("w.step") { $0 = matrix($0.name, [2], 3) } },
        Case(testDescription: "a step that is true", tensor: "w.step") {
            $0.change("w.step") { $0 = Sent($0.name, [], .bool, bytes: [1]) }
        },
        Case(testDescription: "a common step of words", metadata: [("layout", "soap"), ("step", "three")]) { $0 = $0.without("w.step") },
        Case(testDescription: "a common step beyond counting", metadata: [("layout", "soap"), ("step", "1e300")]) { _ in },
        Case(testDescription: "NaN", tensor: "w.exp_avg") { $0.change("w.exp_avg") { $0.floats[5] = .nan } },
        Case(testDescription: "NaN on its way into the bases", metadata: [("layout", "pytorch_optimizer")], tensor: "w.exp_avg") {
            $0.change("w.exp_avg") { $0.floats[5] = .nan }
        },
        Case(testDescription: "beyond F32", tensor: "w.exp_avg") {
            $0.change("w.exp_avg") { $0 = Sent($0.name, [4, 3], .f64, bytes: bytes(of: [Double](repeating: 1e300, count: 12))) }
        },
        Case(testDescription: "a negative second moment", tensor: "w.exp_avg_sq") { $0.change("w.exp_avg_sq") { $0.floats[3] = -1e-3 } },
        Case(testDescription: "an infinite second moment", tensor: "b.exp_avg_sq") {
            $0.change("b.exp_avg_sq") { $0.floats[0] = .infinity }
        },
        Case(testDescription: "a factor that is not symmetric", tensor: "w.GG.0") { $0.change("w.GG.0") { $0.floats[1] += 1 } },
        Case(testDescription: "a basis that is not orthogonal", tensor: "w.Q.0") { $0.change("w.Q.0") { $0.floats[1] += 1 } },
        Case(testDescription: "weights of one parameter only", code: .weightsIncomplete) { $0.append(matrix("w.weight", [4, 3], 1)) },
        Case(testDescription: "weights of another shape", code: .wrongShape, tensor: "w.weight") {
            $0 += [matrix("w.weight", [3, 4], 1), matrix("b.weight", [3], 1)]
        },
        Case(testDescription: "weights that are not finite", code: .nonFiniteWeight) {
            $0 += [matrix("w.weight", [4, 3], 1), matrix("b.weight", [3], .infinity)]
        },
    ]

    private static let manifest = """
        {"optimizer": {"lr": 0.01}, "parameters": [{"name": "w", "shape": [4, 3]}, {"name": "b", "shape": [3]}]}
        """

    private func trained() async throws -> Run {
        let run = try await House().make("run", StateRefusalTests.manifest)
        for k in 1...3 { try await run.put(k, [.gradient("w", [4, 3], k), .gradient("b", [3], k)]) }
        return run
    }

    @Test(arguments: foreign)
    private func aForeignStateIsRefused(_ state: Case) async throws {
        let run = try await trained()
        var tensors = await run.flattened()
        state.change(&tensors)
        try await expectRefused(body(tensors, metadata: state.metadata), state, by: run)
    }

    private func expectRefused(_ file: AlignedBuffer, _ state: Case, by run: Run) async throws {
        let before = try await run.snapshot()
        let error = await expectRefusal(state.code) { try await run.importState(file, epoch: nil) }
        if let tensor = state.tensor { #expect(error?.field("tensor") == .string(tensor), "\(error?.detail ?? "")") }
        if state.code == .layoutRequired { #expect(error?.field("known") == ["emerging_optimizers", "soap", "pytorch_optimizer"]) }
        #expect(try await run.snapshot() == before)
    }

    /// A checkpoint of this server, with its tensors and its metadata changed.
    private struct OwnCase: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var code = TrainingError.Code.invalidState
        var metadata: @Sendable (inout [String: JSONValue], inout JSONObject) -> Void = { _, _ in }
        var tensors: @Sendable (inout [Sent]) -> Void = { _ in }
    }

    private static func changing(_ name: String, _ value: JSONValue?) -> @Sendable (inout [String: JSONValue], inout JSONObject) -> Void {
        { _, state in
            guard var parameters = state["parameters"]?.arrayValue, var first = parameters[0].objectValue else { return }
            first[name] = value
            parameters[0] = .object(first)
            state["parameters"] = .array(parameters)
        }
    }

    private static let own = [
        OwnCase(testDescription: "a later version", metadata: { texts, _ in texts["version"] = "2" }),
        OwnCase(testDescription: "no version", metadata: { texts, _ in texts["version"] = nil }),
        OwnCase(testDescription: "no step", metadata: { texts, _ in texts["step"] = nil }),
        OwnCase(testDescription: "KL-Shampoo's factors", metadata: { $1["manifest"] = ["optimizer": ["lr": 1, "use_kl_shampoo": true]] }),
        OwnCase(testDescription: "a step before those of the parameters", metadata: { texts, _ in texts["step"] = "0" }),
        OwnCase(testDescription: "a step beyond counting", metadata: { texts, _ in texts["step"] = "9223372036854775807" }),
        OwnCase(testDescription: "an unknown level", metadata: { $1["level"] = "both" }),
        OwnCase(testDescription: "no level", metadata: { $1["level"] = nil }),
        OwnCase(testDescription: "no parameters", metadata: { $1["parameters"] = nil }),
        OwnCase(testDescription: "a list of something else", metadata: { $1["parameters"] = [1, 2] }),
        OwnCase(
            testDescription: "parameter level without a parameter", metadata: { ($1["level"], $1["parameters"]) = ("parameter", []) },
            tensors: { $0 = [] }),
        OwnCase(testDescription: "a parameter level before its own steps", metadata: { $1["level"] = "parameter" }),
        OwnCase(
            testDescription: "a parameter listed twice", metadata: { $1["parameters"] = .array(($1["parameters"]?.arrayValue ?? []) * 2) }),
        OwnCase(
            testDescription: "a parameter that is not listed",
            metadata: { $1["parameters"] = .array(Array($1["parameters"]!.arrayValue!.dropFirst())) }),
        OwnCase(testDescription: "a negative count", metadata: changing("step", -1)),
        OwnCase(testDescription: "a count beyond counting", metadata: changing("step", 9_223_372_036_854_775_807)),
        OwnCase(testDescription: "a refresh after the last step", metadata: changing("last_refresh_step", 4)),
        OwnCase(testDescription: "bases without a refresh", metadata: changing("last_refresh_step", nil)),
        OwnCase(testDescription: "a shape of words", metadata: changing("shape", ["four", 3])),
        OwnCase(testDescription: "another shape", code: .wrongShape, metadata: changing("shape", [3, 4])),
        OwnCase(testDescription: "an impossible name", code: .invalidParameterName, metadata: changing("name", "")),
        OwnCase(testDescription: "a tensor of PyTorch", tensors: { $0.append(matrix("w.GG.0", [4, 4], 1)) }),
        OwnCase(testDescription: "a tensor missing", tensors: { $0 = $0.without("w.basis.1") }),
        OwnCase(
            testDescription: "an empty tensor", code: .wrongShape, tensors: { $0.change("w.basis.1") { $0 = matrix($0.name, [0], 0) } }),
    ]

    @Test(arguments: own)
    private func aCheckpointThatWasTamperedWithIsRefused(_ state: OwnCase) async throws {
        let run = try await trained()
        var (tensors, metadata) = try tensors(of: await run.exported())
        var texts = Dictionary(uniqueKeysWithValues: metadata.map { ($0.key, JSONValue.string($0.value)) })
        let text = try #require(texts["state"]?.stringValue)
        var object = try #require(try JSONValue(parsing: Array(text.utf8)).objectValue)
        state.metadata(&texts, &object)
        state.tensors(&tensors)
        texts["state"] = .string(String(decoding: JSONValue.object(object).serialized(), as: UTF8.self))
        metadata = texts.map { ($0.key, $0.value.stringValue ?? "") }
        let before = try await run.snapshot()
        await expectRefusal(state.code) { try await run.importState(body(tensors, metadata: metadata), epoch: nil) }
        #expect(try await run.snapshot() == before)
    }

    @Test func whatIsNoSafetensorsFileIsRefused() async throws {
        let run = try await trained()
        let exported = try await run.exported()
        let file = Array(exported.bytes)
        for cut in [0, 7, 100, file.count - 1] {
            await expectRefusal(.malformedBody) { try await run.importState(buffer(Array(file[..<cut])), epoch: nil) }
        }
        withExtendedLifetime(exported) {}
    }

    @Test func aNewParameterOfARunWithHostedWeightsNeedsItsOwn() async throws {
        let source = try await trained()
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await run.hostWeights(body([.gradient("w", [4, 3], 1)]), epoch: nil)
        let before = try await run.snapshot()
        let file = try await source.exported()
        let error = await expectRefusal(.weightsIncomplete) { try await run.importState(file, epoch: nil) }
        #expect(error?.field("missing") == ["b"])
        #expect(try await run.snapshot() == before)
    }

    @Test func aStateThatDoesNotFitBesideTheOldOneIsRefused() async throws {
        let file = try await trained().exported()
        let stateBytes = 24 * 12 + 8 * 3 + 8 * (16 + 9) - 16 * 12
        for (budget, fits) in [(2 * stateBytes, true), (2 * stateBytes - 1, false)] {
            let house = try await House(memoryBudget: budget)
            let run = try await house.make("run", StateRefusalTests.manifest)
            #expect(house.runs.ledger.reservedByteCount == stateBytes)
            if fits {
                try await run.importState(file, epoch: nil)
            } else {
                await expectRefusal(.outOfMemory) { try await run.importState(file, epoch: nil) }
            }
            #expect(house.runs.ledger.reservedByteCount == stateBytes)
            // A start needs no room for two.
            try await house.crash(memoryBudget: stateBytes)
            #expect(try house.run().status.step == (fits ? 3 : 0))
        }
    }

    @Test func aHugeShapeCostsNothing() async throws {
        let run = try await House(memoryBudget: 1 << 30).make("run", #"{"optimizer": {"lr": 0.01}}"#)
        let side = 30_000
        let tensors = [StateRefusalTests.matrix("w.exp_avg", [side, 1], 0), StateRefusalTests.matrix("w.step", [], 1)]
        let error = await expectRefusal(.invalidState) { try await run.importState(body(tensors), epoch: nil) }
        #expect(error?.field("expected") == [30_000, 1])
        #expect(try await run.snapshot().names.isEmpty)
    }
}

private func * (values: [JSONValue], count: Int) -> [JSONValue] { Array(repeatElement(values, count: count).joined()) }
