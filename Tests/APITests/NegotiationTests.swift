import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// Media types, lengths and epochs, which are all settled before anything changes.
struct NegotiationTests {
    @Test(arguments: [
        ("", "application/vnd.safetensors"), ("*/*", "application/vnd.safetensors"), ("application/*", "application/vnd.safetensors"),
        ("application/octet-stream", "application/octet-stream"), ("application/octet-stream, */*;q=0.1", "application/octet-stream"),
        ("application/vnd.safetensors;q=0.5, application/octet-stream", "application/octet-stream"),
        ("APPLICATION/VND.SAFETENSORS", "application/vnd.safetensors"),
        ("application/vnd.safetensors;q=0, */*", "application/octet-stream"),
    ])
    func aStepIsAnsweredInTheTypeThatIsAccepted(accept: String, type: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            let answer = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1), fields: [.accept: accept])
            #expect(answer.status == 200)
            #expect(answer.fields[.contentType] == type)
        }
    }

    @Test(arguments: [
        ("PUT", "/v1/runs/r/steps/1", "application/json"), ("POST", "/v1/runs/r/steps", "text/html"),
        ("PUT", "/v1/runs/r/steps/1", "*/*;q=0"), ("PUT", "/v1/runs/r/parameters/w/steps/1", "application/vnd.safetensors"),
        ("PUT", "/v1/runs/new", "text/html"), ("POST", "/v1/runs/r/checkpoints", "text/html"), ("GET", "/v1", "text/html"),
        ("GET", "/v1/runs", "application/xml"), ("GET", "/v1/runs/r/parameters/w/state/exp_avg", "application/json"),
        ("GET", "/openapi.yaml", "application/json"),
    ])
    func whatCannotBeAcceptedIs406BeforeAnythingChanges(method: String, path: String, accept: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            let body = method == "GET" ? nil : try gradients(1)
            let answer = try await server.send(#require(HTTPRequest.Method(method)), path, body, fields: [.accept: accept])
            #expect(answer.outcome == "406 not-acceptable")
            #expect(try await server.send(.get, "/v1/runs").json["runs"]?.arrayValue?.count == 1)
            #expect(try await server.send(.get, "/v1/runs/r").json["step"] == 0)
            #expect(try await server.send(.get, "/v1/runs/r/checkpoints").json["checkpoints"] == [])
        }
    }

    @Test(arguments: [
        ("PUT", "/v1/runs/r/steps/1", "application/vnd.safetensors", 200), ("PUT", "/v1/runs/r/steps/1", "Application/Octet-Stream", 200),
        ("PUT", "/v1/runs/r/steps/1", "application/octet-stream; x=y", 200), ("PUT", "/v1/runs/r/steps/1", "application/json", 415),
        ("PUT", "/v1/runs/r/steps/1", "", 415), ("PUT", "/v1/runs/r/weights", "application/x-npy", 415),
        ("PUT", "/v1/runs/r/parameters/w/steps/1", "application/vnd.safetensors", 415), ("PUT", "/v1/runs/n", "text/json", 415),
        ("PUT", "/v1/runs/n", "application/x-www-form-urlencoded", 415), ("POST", "/v1/runs/r/checkpoints", "text/plain", 415),
    ])
    func aBodyOfAnotherTypeIs415(method: String, path: String, type: String, status: Int) async throws {
        try await withServer { server in
            try await server.makeRun()
            let answer = try await server.send(#require(HTTPRequest.Method(method)), path, gradients(1), fields: [.contentType: type])
            #expect(answer.outcome == (status == 200 ? "200" : "415 unsupported-media-type"))
            #expect((answer.fields[.accept] != nil) == (status == 415))
        }
    }

    /// Reading them would take an event loop's time.
    @Test(arguments: [(100, 200), (101, 406)]) func soManyRangesAreRead(count: Int, status: Int) async throws {
        try await withServer { server in
            let accept = [String](repeating: "text/html", count: count - 1) + ["*/*"]
            let answer = try await server.send(.get, "/v1", fields: [.accept: accept.joined(separator: ",")])
            #expect(answer.status == status)
        }
    }

    @Test func contentCodingsAndTwoTypesAre415() async throws {
        try await withServer { server in
            try await server.makeRun()
            var twice = HTTPFields()
            twice.append(HTTPField(name: .contentType, value: "application/octet-stream"))
            twice.append(HTTPField(name: .contentType, value: "application/octet-stream"))
            for fields in [[.contentEncoding: "gzip"], twice] as [HTTPFields] {
                let answer = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1), fields: fields)
                #expect(answer.outcome == "415 unsupported-media-type")
                #expect(answer.fields[.acceptEncoding] == (fields[.contentEncoding] == nil ? nil : "identity"))
            }
        }
    }

    @Test(arguments: ["/v1/runs/new", "/v1/runs/r/steps/1", "/v1/runs/r/parameters/w/steps/1", "/v1/runs/r/weights"])
    func aPutWithoutABodyIs411(path: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.put, path).outcome == "411 length-required")
        }
    }

    @Test(arguments: ["/v1/runs/r/steps/1", "/v1/runs/r/parameters/w/steps/1", "/v1/runs/r/weights"])
    func aBodyOverTheLimitIs413(path: String) async throws {
        try await withServer(maximumBodyByteCount: 1000) { server in
            try await server.makeRun()
            let answer = try await server.send(.put, path, [UInt8](repeating: 0, count: 1001))
            #expect(answer.outcome == "413 body-too-large")
        }
    }

    @Test func theLimitOnBodiesHoldsForJSONToo() async throws {
        try await withServer(maximumBodyByteCount: 50) { server in
            let answer = try await server.send(.put, "/v1/runs/r", [UInt8](repeating: UInt8(ascii: " "), count: 51))
            #expect(answer.outcome == "413 body-too-large")
        }
    }

    @Test func jsonOverItsOwnLimitIs413() async throws {
        try await withServer(maximumBodyByteCount: 1 << 30) { server in
            let spaces = [UInt8](repeating: UInt8(ascii: " "), count: Call.maximumJSONByteCount - TestServer.manifest.utf8.count)
            let body = Array(TestServer.manifest.utf8) + spaces
            #expect(try await server.send(.put, "/v1/runs/r", body + [0x20]).outcome == "413 body-too-large")
            let largest = try await server.send(.put, "/v1/runs/r", body)
            #expect(largest.status == 201)
        }
    }

    @Test(arguments: [
        ("PUT", "/v1/runs/r"), ("PUT", "/v1/runs/new"), ("DELETE", "/v1/runs/r"), ("PUT", "/v1/runs/r/steps/1"),
        ("POST", "/v1/runs/r/steps"),
        ("PUT", "/v1/runs/r/parameters/w/steps/1"), ("PUT", "/v1/runs/r/weights"), ("POST", "/v1/runs/r/checkpoints"),
        ("PUT", "/v1/runs/r/state"), ("DELETE", "/v1/runs/r/checkpoints/1"),
    ])
    func everyWriteHonoursTheEpochAndNoOtherCondition(method: String, path: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            let method = try #require(HTTPRequest.Method(method))
            let body: [UInt8]? =
                path.hasSuffix("/r") || path.hasSuffix("/new")
                ? Array(TestServer.manifest.utf8)
                : path.contains("checkpoints") ? nil : try gradients(1)
            for epoch in ["1", "18446744073709551616"] {
                let answer = try await server.send(method, path, body, fields: [.latherEpoch: epoch])
                #expect(answer.outcome == "409 epoch-fenced")
                #expect(try answer.json["epoch"] == 0)
            }
            for epoch in ["", "x", "-1", "00", "0, 0"] {
                #expect(try await server.send(method, path, body, fields: [.latherEpoch: epoch]).outcome == "400 invalid-epoch")
            }
            for name in [.ifMatch, .ifNoneMatch, .contentRange] as [HTTPField.Name] {
                #expect(try await server.send(method, path, body, fields: [name: "*"]).outcome == "400 unsupported-condition")
            }
            let runs = try await server.send(.get, "/v1/runs").json["runs"]?.arrayValue
            #expect(runs?.count == 1 && runs?[0]["step"] == 0)
            #expect(try await server.send(method, path, body, fields: [.latherEpoch: "0"]).problem != "epoch-fenced")
        }
    }

    @Test(arguments: [
        "/v1?x", "/v1/runs?limit=1", "/v1/runs/r?x=1", "/v1/runs/r/parameters?x=1", "/v1/runs/r/parameters/w?x=1",
        "/v1/runs/r/parameters/w/state?x=1",
        "/v1/runs/r/parameters/w/state/exp_avg?x=1", "/v1/runs/r/weights?x=1", "/v1/runs/r/checkpoints?x=1", "/v1/runs/r/checkpoints/0?x=1",
        "/healthz/live?x=1", "/healthz/ready?x=1", "/openapi.yaml?x=1",
    ])
    func anUnknownQueryIsRefusedEverywhere(target: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.get, target).outcome == "400 unknown-query-parameter")
            #expect(try await server.send(.get, target + "&x=1&x=2").outcome == "400 repeated-query-parameter")
        }
    }
}
