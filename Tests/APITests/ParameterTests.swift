import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// Parameters and their state tensors as resources, under whatever name they have.
struct ParameterTests {
    @Test func aParameterShowsItsFigures() async throws {
        try await withServer { server in
            try await server.makeRun()
            let fresh = try await server.send(.get, "/v1/runs/r/parameters/w").json
            #expect(fresh["shape"] == [2, 3])
            #expect(fresh["group"]?.isNull == true)
            #expect(fresh["gradient_rms"]?.isNull == true)
            #expect(fresh["last_refresh_step"]?.isNull == true)
            for step in 1...3 { _ = try await server.send(.put, "/v1/runs/r/steps/\(step)", gradients(step)) }
            let json = try await server.send(.get, "/v1/runs/r/parameters/w").json
            #expect(json["step"] == 3)
            #expect(json["measured_at_step"] == 3)
            #expect(json["last_refresh_step"]?.numberValue?.integer != nil)
            for name in ["gradient_rms", "update_rms", "update_rms_over_lr", "exp_avg_norm", "exp_avg_sq_norm"] {
                #expect(json[name]?.numberValue?.double ?? 0 > 0, "\(name)")
            }
            let factors = try #require(json["factors"]?.arrayValue)
            #expect(factors.compactMap { $0["size"]?.numberValue?.integer } == [2, 3])
            for factor in factors {
                #expect(factor["eigenvalue_max"]?.numberValue?.double ?? 0 > 0)
                #expect(factor["orthogonality_error"]?.numberValue?.double ?? 1 < 1e-5)
            }
            let all = try #require(try await server.send(.get, "/v1/runs/r/parameters").json["parameters"]?.arrayValue)
            #expect(all.map { $0["name"] } == ["w", "w.bias"])
            #expect(all[1]["group"] == "slow")
            #expect(try await server.send(.get, "/v1/runs/r/parameters/v").outcome == "404 unknown-parameter")
        }
    }

    @Test(arguments: ["w", "w.bias"])
    func aParameterSaysWhereItsBytesAre(name: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            func bytes() async throws -> (total: Int?, parts: [String: Int]) {
                let json = try await server.send(.get, "/v1/runs/r/parameters/\(name)").json
                let parts = (json["bytes"]?.objectValue ?? [:]).map { ($0.name, $0.value.numberValue?.integer ?? -1) }
                return (json["state_bytes"]?.numberValue?.integer, Dictionary(uniqueKeysWithValues: parts))
            }
            let fresh = try await bytes()
            let square = ["factor.0": 16, "basis.0": 16, "factor.1": 36, "basis.1": 36, "exp_avg": 24, "exp_avg_sq": 24]
            #expect(fresh.parts == (name == "w" ? square : ["exp_avg": 12, "exp_avg_sq": 12]))
            #expect(fresh.parts.values.reduce(0, +) == fresh.total)
            #expect(try await server.send(.put, "/v1/runs/r/weights", weights()).status == 204)
            #expect(try await bytes().parts["weights"] == (name == "w" ? 24 : 12))
        }
    }

    @Test func everyStateTensorCanBeRead() async throws {
        try await withServer { server in
            try await server.makeRun()
            _ = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            let listed = try #require(try await server.send(.get, "/v1/runs/r/parameters/w/state").json["tensors"]?.arrayValue)
            let names = listed.compactMap { $0["name"]?.stringValue }
            #expect(
                Set(names) == [
                    "exp_avg", "exp_avg_sq", "factor.0", "factor.1", "basis.0", "basis.1", "eigenvalues.0", "eigenvalues.1",
                ])
            for (name, description) in zip(names, listed) {
                let path = "/v1/runs/r/parameters/w/state/\(name)"
                let tensor = try #require(
                    try await server.send(.get, path, fields: [.accept: "application/vnd.safetensors"]).tensors.first)
                #expect(tensor.name.description == "w.\(name)")
                #expect(JSONValue.array(tensor.shape.map { JSONValue($0) }) == description["shape"])
                #expect(JSONValue(tensor.bytes.count) == description["bytes"])
                #expect(tensor.floats.allSatisfy { $0.isFinite })
                let npy = try await server.send(.get, path)
                #expect(npy.fields[.contentType] == "application/x-npy")
                #expect(npy.bytes.starts(with: [0x93] + Array("NUMPY".utf8)))
                #expect(Array(npy.bytes.suffix(tensor.bytes.count)) == tensor.bytes)
                let bytes = try await server.send(.get, path, fields: [.accept: "application/octet-stream"])
                #expect(bytes.fields[.contentType] == "application/octet-stream")
                #expect(bytes.bytes == npy.bytes)
            }
            try await server.makeRun("fresh")
            let fresh = try #require(try await server.send(.get, "/v1/runs/fresh/parameters/w/state").json["tensors"]?.arrayValue)
            #expect(Set(names).subtracting(fresh.compactMap { $0["name"]?.stringValue }) == ["basis.0", "basis.1"])
            for name in ["basis.2", "factor.01", "eigenvalues.2", "exp", "EXP_AVG", "factor", "factor.-1", "factor.+0"] {
                #expect(try await server.send(.get, "/v1/runs/r/parameters/w/state/\(name)").outcome == "404 unknown-tensor", "\(name)")
            }
            #expect(try await server.send(.get, "/v1/runs/r/parameters/v/state").outcome == "404 unknown-parameter")
        }
    }

    /// Names that a path has to percent-encode, or that Swift would take for each other.
    @Test(arguments: [
        ("a/b", "a%2Fb"), ("a%2Fb", "a%252Fb"), ("é", "%C3%A9"), ("e\u{301}", "e%CC%81"), ("K", "K"), ("\u{212A}", "%E2%84%AA"),
        ("..", "%2E%2E"),
        (" ", "%20"), ("+", "+"), ("a?b#c", "a%3Fb%23c"), ("state", "state"), ("🧼", "%F0%9F%A7%BC"), ("\r\n", "%0D%0A"),
        ("a\"\\", "a%22%5C"),
    ])
    func aNameIsItsBytes(name: String, encoded: String) async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.openManifest)
            let name = try #require(TensorName(name))
            // All of them at once, so that any confusion would show.
            let names = ["a/b", "a%2Fb", "é", "e\u{301}", "K", "\u{212A}", "..", " ", "+", "a?b#c", "state", "🧼", "\r\n", "a\"\\"]
            var body: [TestTensor] = []
            for (index, other) in names.enumerated() {
                let other = try #require(TensorName(other))
                body.append(TestTensor(other, [1], [Float(other == name ? 1000 : index)]))
            }
            let layout = try SafetensorsLayout(body.map { TensorSpec(name: $0.name, dtype: .f32, shape: [1]) })
            let answer = try await server.send(.put, "/v1/runs/r/steps/1", layout.header + body.flatMap(\.bytes))
            #expect(try answer.tensors.map(\.name) == body.map(\.name))
            let shown = try await server.send(.get, "/v1/runs/r/parameters/\(encoded)").json
            #expect(shown["name"] == .string(name.description))
            #expect(shown["gradient_rms"] == 1000)
            let state = try await server.send(
                .get, "/v1/runs/r/parameters/\(encoded)/state/exp_avg", fields: [.accept: "application/vnd.safetensors"])
            #expect(try state.tensors.map(\.name.description.utf8.count) == [name.description.utf8.count + ".exp_avg".utf8.count])
        }
    }

    @Test(arguments: [
        ("__metadata__", 404), ("%00", 404), (String(repeating: "x", count: 512), 404), (String(repeating: "x", count: 513), 404),
    ])
    func aNameThatNoParameterCanHaveIsNotFound(encoded: String, status: Int) async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.get, "/v1/runs/r/parameters/\(encoded)").outcome == "404 unknown-parameter")
        }
    }
}
