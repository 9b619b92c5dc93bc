import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// A refused step leaves the run as it was, bit for bit, and the next good one is taken as if nothing had happened.
struct RefusalTests {
    /// A body that no run of ``TestServer/manifest`` takes as step 2, and the answer to it.
    struct BadBody: Sendable, CustomTestStringConvertible {
        let what: String
        let body: [UInt8]
        let expected: String

        var testDescription: String { what }
    }

    private static let w = TestTensor("w", [2, 3], [1, 2, 3, 4, 5, 6])

    static let badBodies: [BadBody] = {
        func whole(_ what: String, _ expected: String, _ tensors: TestTensor..., metadata: [(key: String, value: String)] = []) -> BadBody {
            let layout = try? SafetensorsLayout(
                tensors.map { TensorSpec(name: $0.name, dtype: $0.dtype, shape: $0.shape) }, metadata: metadata)
            return BadBody(what: what, body: (layout?.header ?? []) + tensors.flatMap(\.bytes), expected: expected)
        }
        func raw(_ what: String, _ header: String, _ dataByteCount: Int, _ expected: String = "422 malformed-body") -> BadBody {
            BadBody(what: what, body: file(header: header, [UInt8](repeating: 0, count: dataByteCount)), expected: expected)
        }
        func bias<Value: BitwiseCopyable>(_ dtype: DType, _ values: [Value]) -> TestTensor {
            TestTensor("w.bias", dtype, [3], bytes: TestTensor.bytes(values))
        }
        let nonFinite = "422 nonfinite-gradient"
        return [
            BadBody(what: "empty body", body: [], expected: "422 malformed-body"),
            BadBody(what: "not safetensors", body: Array("{\"grad\": 1}".utf8), expected: "422 malformed-body"),
            BadBody(what: "truncated data", body: whole("", "", w).body.dropLast(1), expected: "422 malformed-body"),
            BadBody(what: "truncated header", body: Array(whole("", "", w).body.prefix(20)), expected: "422 malformed-body"),
            BadBody(what: "trailing byte", body: whole("", "", w).body + [0], expected: "422 malformed-body"),
            BadBody(what: "huge header", body: TestTensor.bytes([UInt64.max]) + [0x7B, 0x7D], expected: "422 malformed-body"),
            raw("no tensor", "{}", 0, "422 empty-step"),
            raw("metadata only", #"{"__metadata__": {"lr": "1"}}"#, 0, "422 empty-step"),
            raw(
                "overlapping tensors",
                #"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"w.bias":{"dtype":"F32","shape":[3],"data_offsets":[20,32]}}"#,
                32),
            raw(
                "hole between tensors",
                #"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"w.bias":{"dtype":"F32","shape":[3],"data_offsets":[28,40]}}"#,
                40),
            raw(
                "duplicate names",
                #"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[24,48]}}"#, 48),
            raw("shape of another size", #"{"w":{"dtype":"F32","shape":[2,4],"data_offsets":[0,24]}}"#, 24),
            raw("negative dimension", #"{"w":{"dtype":"F32","shape":[-2,-3],"data_offsets":[0,24]}}"#, 24),
            raw("overflowing shape", #"{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0),
            raw("unknown dtype", #"{"w":{"dtype":"F128","shape":[2,3],"data_offsets":[0,96]}}"#, 96),
            whole("transposed shape", "422 wrong-shape", TestTensor("w", [3, 2], [1, 2, 3, 4, 5, 6])),
            whole("flat shape", "422 wrong-shape", TestTensor("w", [6], [1, 2, 3, 4, 5, 6])),
            whole("good tensor beside a wrong shape", "422 wrong-shape", w, TestTensor("w.bias", [2], [1, 2])),
            whole("integers", "422 wrong-dtype", w, bias(.i32, [1, 2, 3] as [Int32])),
            whole("undeclared parameter", "422 undeclared-parameter", w, TestTensor("v", [1], [1])),
            whole("NaN", nonFinite, w, bias(.f32, [1, .nan, 1] as [Float])),
            whole("signalling NaN", nonFinite, w, bias(.f32, [1, .signalingNaN, 1] as [Float])),
            whole("infinity", nonFinite, w, bias(.f32, [1, -.infinity, 1] as [Float])),
            whole("NaN of F64", nonFinite, w, bias(.f64, [1, .nan, 1] as [Double])),
            whole("F64 beyond F32", nonFinite, w, bias(.f64, [1, 1e39, 1] as [Double])),
            whole("NaN of F16", nonFinite, w, bias(.f16, [1, .nan, 1] as [Float16])),
            whole("infinity of F16", nonFinite, w, bias(.f16, [1, .infinity, 1] as [Float16])),
            whole("NaN of BF16", nonFinite, w, bias(.bf16, [0x3F80, 0x7FC0, 0x3F80] as [UInt16])),
            whole("infinity of BF16", nonFinite, w, bias(.bf16, [0x3F80, 0xFF80, 0x3F80] as [UInt16])),
            whole("square beyond F32", nonFinite, w, bias(.f32, [1, 3e38, 1] as [Float])),
            whole("rate in metadata is no number", "422 invalid-step-option", w, metadata: [("lr", "fast")]),
        ]
    }()

    @Test(arguments: badBodies)
    func aBadBodyLeavesTheStateBitForBit(bad: BadBody) async throws {
        try await withServer { server in
            try await server.makeRun()
            try await server.makeRun("undisturbed")
            for run in ["r", "undisturbed"] { _ = try await server.send(.put, "/v1/runs/\(run)/steps/1", gradients(1)) }
            let before = try await server.snapshot()
            let answer = try await server.send(.put, "/v1/runs/r/steps/2", bad.body)
            #expect(answer.outcome == bad.expected)
            #expect(try await server.send(.post, "/v1/runs/r/steps", bad.body).outcome == bad.expected)
            #expect(try await server.snapshot() == before)
            // The last step is still there to be asked for, and the next one is what it would have been.
            #expect(try await server.send(.put, "/v1/runs/r/steps/1", gradients(1)).fields[.latherReplayed] == "true")
            let next = try await server.send(.put, "/v1/runs/r/steps/2", gradients(2))
            #expect(try await next.bytes == server.send(.put, "/v1/runs/undisturbed/steps/2", gradients(2)).bytes)
        }
    }

    /// A request as a whole that is refused, whatever its body.
    @Test(arguments: [
        ("/steps/1", "422 step-body-differs"), ("/steps/3", "409 step-out-of-order"), ("/steps/2?lr=-1", "422 invalid-step-option"),
        ("/steps/2?lr.none=1", "422 invalid-step-option"), ("/steps/2?x=1", "400 unknown-query-parameter"),
        ("/steps/2?return=weights", "409 weights-required"), ("/parameters/w/steps/1", "409 step-level-mixed"),
        ("/parameters/none/steps/2", "404 unknown-parameter"), ("/steps/2?grad_scale=1e-300", "422 nonfinite-gradient"),
    ])
    func aBadRequestLeavesTheStateBitForBit(path: String, expected: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            _ = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            let before = try await server.snapshot()
            #expect(try await server.send(.put, "/v1/runs/r\(path)", gradients(2)).outcome == expected)
            #expect(try await server.snapshot() == before)
        }
    }

    @Test func aNonFiniteGradientIsNamedAndCounted() async throws {
        try await withServer { server in
            try await server.makeRun()
            let body = try file(RefusalTests.w, TestTensor("w.bias", [3], [.nan, 1, .infinity]))
            let json = try await server.send(.put, "/v1/runs/r/steps/1", body).json
            #expect(json["parameter"] == "w.bias")
            #expect(json["nonfinite_count"] == 2)
            #expect(json["element_count"] == 3)
        }
    }

    @Test func anOpenRunRegistersNothingFromARefusedStep() async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.openManifest)
            let body = try file(RefusalTests.w, TestTensor("v", [1], [.nan]))
            #expect(try await server.send(.put, "/v1/runs/r/steps/1", body).outcome == "422 nonfinite-gradient")
            #expect(try await server.send(.get, "/v1/runs/r").json["parameter_count"] == 0)
            #expect(try await server.send(.get, "/v1").json["limits"]?["state_bytes"] == 0)
        }
    }

    @Test func anOpenRunRefusesAParameterThatDoesNotFitTheBudget() async throws {
        try await withServer(memoryBudget: 1000) { server in
            try await server.makeRun("r", TestServer.openManifest)
            let body = try file(TestTensor("big", [50, 2], [Float](repeating: 1, count: 100)))
            #expect(try await server.send(.put, "/v1/runs/r/steps/1", body).outcome == "507 memory-budget-exceeded")
            #expect(try await server.send(.get, "/v1/runs/r").json["step"] == 0)
        }
    }

    @Test func rawBodiesOfAnotherLengthOrNotFiniteAreRefused() async throws {
        try await withServer { server in
            try await server.makeRun()
            let path = "/v1/runs/r/parameters/w.bias/steps"
            let good = TestTensor.bytes([1, 2, 3] as [Float])
            _ = try await server.send(.put, "\(path)/1", good)
            let before = try await server.snapshot()
            for (body, query, expected) in [
                ([], "", "422 wrong-length"), (good + [0], "", "422 wrong-length"), (good.dropLast(4), "", "422 wrong-length"),
                (good, "?dtype=F64", "422 wrong-length"), (good, "?dtype=I32", "422 invalid-step-option"),
                (TestTensor.bytes([1, .nan, 3] as [Float]), "", "422 nonfinite-gradient"),
                (TestTensor.bytes([1, .infinity, 3] as [Float16]), "?dtype=F16", "422 nonfinite-gradient"),
            ] as [([UInt8], String, String)] {
                #expect(try await server.send(.put, "\(path)/2\(query)", body).outcome == expected)
            }
            #expect(try await server.snapshot() == before)
        }
    }
}
