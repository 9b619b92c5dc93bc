import Foundation
import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// With a token, everything but probes and the dashboard's own files is for those who hold it.
struct TokenTests {
    private func withDashboard(_ body: (TestServer) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let files = directory.appendingPathComponent("Public/css")
            try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
            try Data("<!doctype html>".utf8).write(to: files.appendingPathComponent("../index.html"))
            try Data("a {}".utf8).write(to: files.appendingPathComponent("app.css"))
            try await body(
                TestServer(
                    database: directory.appendingPathComponent("test.sqlite"), token: "s3cret",
                    publicDirectory: directory.appendingPathComponent("Public")))
        }
    }

    @Test func everyRouteButTheProbesNeedsTheToken() async throws {
        try await withDashboard { server in
            for route in Resources.routes {
                let path = route.pattern.replacing(/\{[a-z]+\}/, with: "1")
                let answer = try await server.send(route.method, path)
                if path.hasPrefix("/healthz/") {
                    #expect(answer.status == 200)
                } else {
                    #expect(answer.outcome == "401 unauthorized", "\(route.method) \(path)")
                    #expect(answer.fields[.wwwAuthenticate] == "Bearer realm=\"lather\"")
                }
            }
        }
    }

    @Test(arguments: [
        ("GET", "/", 200), ("HEAD", "/", 200), ("GET", "/css/app.css", 200), ("POST", "/", 405), ("GET", "/none", 401),
        ("GET", "/v1x", 401),
        ("GET", "/../etc/passwd", 401), ("OPTIONS", "*", 401), ("GET", "/healthz/other", 404), ("PATCH", "/healthz/live", 405),
        ("GET", "/healthz", 404), ("PATCH", "/v1/runs", 401),
    ])
    func otherPathsTooButForTheDashboardsFiles(method: String, path: String, status: Int) async throws {
        try await withDashboard { server in
            let answer = try await server.send(#require(HTTPRequest.Method(method)), path)
            #expect(answer.status == status)
            #expect(answer.fields[.allow] == (status == 405 ? "GET, HEAD" : nil))
        }
    }

    @Test(arguments: [
        ("Bearer s3cret", 200), ("bearer s3cret", 200), ("Bearer  s3cret", 200), ("Bearer s3cre", 401), ("Bearer s3crets", 401),
        ("Bearer S3cret", 401), ("Bearer", 401), ("Bearer ", 401), ("s3cret", 401), ("Basic s3cret", 401), ("", 401),
        ("Bearer s3cret, x", 401),
    ])
    func onlyTheTokenLetsIn(authorization: String, status: Int) async throws {
        try await withDashboard { server in
            let answer = try await server.send(.get, "/v1", fields: [.authorization: authorization])
            #expect(answer.status == status)
        }
    }

    @Test func twoTokensAreNone() async throws {
        try await withDashboard { server in
            var fields = HTTPFields()
            for _ in 0..<2 { fields.append(HTTPField(name: .authorization, value: "Bearer s3cret")) }
            let answer = try await server.send(.get, "/v1", fields: fields)
            #expect(answer.status == 401)
        }
    }

    @Test func aRefusedRequestChangesNothing() async throws {
        try await withDashboard { server in
            let answer = try await server.send(.put, "/v1/runs/r", json: TestServer.manifest)
            #expect(answer.status == 401)
            #expect(try await server.send(.get, "/v1/runs", fields: [.authorization: "Bearer s3cret"]).json["runs"] == [])
        }
    }
}
