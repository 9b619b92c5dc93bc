import Foundation
import HTTPTypes
import Safetensors
import StrictJSON
import Testing
import Training

@testable import API

/// Which methods and paths there are, and that the published contract says the same.
struct RouteTests {
    @Test func theContractListsExactlyTheRoutesThatExist() throws {
        let described = try contractOperations()
        // The dashboard is files, not a route.
        let existing = Resources.routes.map { "\($0.method.rawValue) \($0.pattern)" } + ["GET /"]
        #expect(Set(existing).subtracting(described) == [], "not in openapi.yaml")
        #expect(Set(described).subtracting(existing) == [], "only in openapi.yaml")
        #expect(described.count == Set(described).count)
    }

    @Test func theContractListsEveryProblem() throws {
        let contract = try String(contentsOf: TestServer.contractFile, encoding: .utf8)
        let described = Set(contract.matches(of: /- urn:lather:problem:([a-z0-9-]+)/).map { String($0.output.1) })
        let trainings = Set(TrainingError.Code.allCases.map(\.rawValue))
        #expect(trainings.subtracting(described) == [])
        #expect(described.subtracting(trainings).subtracting(try problemsOfHTTP()) == [], "listed, and nowhere in the source")
        #expect(try problemsOfHTTP().subtracting(described) == [], "in the source, and not listed")
    }

    /// `METHOD /path` of each operation: below `paths:`, two spaces before a path, four before a method.
    private func contractOperations() throws -> [String] {
        let contract = try String(contentsOf: TestServer.contractFile, encoding: .utf8)
        var operations: [String] = []
        var path: Substring?
        let lines = contract.split(separator: "\n", omittingEmptySubsequences: false)
        for line in lines.drop(while: { $0 != "paths:" }).dropFirst().prefix(while: { $0.isEmpty || $0.hasPrefix(" ") }) {
            if let match = line.wholeMatch(of: /\ {2}(\/.*):/) { path = match.output.1 }
            if let path, let match = line.wholeMatch(of: /\ {4}(get|put|post|delete|patch|head|options):/) {
                operations.append("\(match.output.1.uppercased()) \(path)")
            }
        }
        return operations
    }

    /// The slugs in `HTTPError(status, "slug", …)`, from the source.
    private func problemsOfHTTP() throws -> Set<String> {
        let sources = TestServer.contractFile.deletingLastPathComponent().appendingPathComponent("Sources")
        var slugs: Set<String> = ["malformed-request"]
        for target in ["API", "HTTPServer"] {
            let files = FileManager.default.enumerator(at: sources.appendingPathComponent(target), includingPropertiesForKeys: nil)
            for case let url as URL in try #require(files) where url.pathExtension == "swift" {
                let text = try String(contentsOf: url, encoding: .utf8)
                slugs.formUnion(text.matches(of: /HTTPError\(\s*\.[A-Za-z]+,\s*"([a-z-]+)"/).map { String($0.output.1) })
            }
        }
        return slugs
    }

    @Test(arguments: [
        ("PATCH", "/v1", "GET, HEAD"), ("BREW", "/v1/runs", "GET, HEAD"), ("POST", "/v1/runs/r", "DELETE, GET, HEAD, PATCH, PUT"),
        ("GET", "/v1/runs/r/steps/1", "PUT"), ("HEAD", "/v1/runs/r/steps", "POST"), ("DELETE", "/healthz/live", "GET, HEAD"),
        ("OPTIONS", "/openapi.yaml", "GET, HEAD"), ("put", "/v1/runs/r", "DELETE, GET, HEAD, PATCH, PUT"),
    ])
    func aMethodThatAPathDoesNotHaveIs405(method: String, path: String, allowed: String) async throws {
        try await withServer { server in
            let answer = try await server.send(#require(HTTPRequest.Method(method)), path)
            #expect(answer.outcome == "405 method-not-allowed")
            #expect(answer.fields[.allow] == allowed)
        }
    }

    @Test func headIsAnsweredWhereGetIs() async throws {
        try await withServer { server in
            try await server.makeRun()
            for path in ["/v1", "/v1/runs", "/v1/runs/r", "/v1/runs/r/parameters/w", "/healthz/ready", "/openapi.yaml"] {
                #expect(try await server.send(.head, path).status == 200, "\(path)")
            }
            #expect(try await server.send(.head, "/v1/runs/none").status == 404)
        }
    }

    @Test(arguments: ["/v2", "/v1/", "/v1/run", "/v1/runs/", "/v1//runs", "/v1/runs/r/", "/V1", "/v1/runs/r/parameters//state", "/none"])
    func otherPathsAre404(path: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.get, path).outcome == "404 not-found")
        }
    }

    @Test func theServiceSaysWhatItIs() async throws {
        try await withServer(maximumBodyByteCount: 12345) { server in
            let answer = try await server.send(.get, "/v1")
            #expect(answer.status == 200)
            #expect(answer.fields[.contentType] == "application/json")
            let json = try answer.json
            #expect(json["version"] == "1.2.3")
            #expect(json["limits"]?["max_body_bytes"] == 12345)
            #expect(json["limits"]?["max_head_bytes"] == 16384)
            #expect(json["limits"]?["max_connections_per_address"] == 4096)
            #expect(json["limits"]?["transfer_timeout_seconds"] == 30)
            #expect(json["dtypes"] == ["F32", "F64", "F16", "BF16"])
            #expect(json["sqlite_version"]?.stringValue?.isEmpty == false)
            #expect(json["blas"]?["kernels"]?.stringValue?.isEmpty == false)
        }
    }

    @Test func theContractIsServedAsItIs() async throws {
        try await withServer { server in
            let answer = try await server.send(.get, "/openapi.yaml")
            #expect(answer.fields[.contentType] == "application/yaml")
            #expect(answer.bytes == Array(try Data(contentsOf: TestServer.contractFile)))
        }
    }
}
