import Crypto
import Foundation
import HTTPTypes
import Testing

@testable import API

/// A body that was damaged on its way is refused when the client said what it should be (RFC 9530).
struct ContentDigestTests {
    private static let body = Array(TestServer.manifest.utf8)
    private static let sha256 = Data(SHA256.hash(data: body)).base64EncodedString()
    private static let sha512 = Data(SHA512.hash(data: body)).base64EncodedString()
    private static let other = Data(SHA256.hash(data: [1])).base64EncodedString()

    @Test(arguments: [
        ("sha-256=:\(sha256):", "201"), ("sha-512=:\(sha512):", "201"), ("sha-256=:\(sha256):, sha-512=:\(sha512):", "201"),
        ("md5=:AAAA:", "201"), ("md5=:AAAA:, sha-256=:\(sha256):", "201"), (" sha-256 = :\(sha256): ", "201"),
        ("sha-256=:\(other):", "400 content-digest-mismatch"), ("sha-256=:\(sha256):, sha-512=:\(other):", "400 content-digest-mismatch"),
        ("sha-256=::", "400 content-digest-mismatch"),
        ("", "400 invalid-content-digest"), ("sha-256=\(sha256)", "400 invalid-content-digest"), ("sha-256", "400 invalid-content-digest"),
        ("sha-256=:%%:", "400 invalid-content-digest"), ("sha-256=:\(sha256):,", "400 invalid-content-digest"),
        ("sha-256=:", "400 invalid-content-digest"), ("SHA-256=:\(sha256):", "400 invalid-content-digest"),
    ])
    func aDigestIsCompared(field: String, outcome: String) async throws {
        try await withServer { server in
            let answer = try await server.send(
                .put, "/v1/runs/r", ContentDigestTests.body, fields: [.contentType: "application/json", .contentDigest: field])
            #expect(outcome == "201" ? answer.status == 201 : answer.outcome == outcome)
            #expect(try await server.send(.get, "/v1/runs/r").status == (outcome == "201" ? 200 : 404))
        }
    }

    @Test func theDigestOfNoBodyIsComparedToo() async throws {
        try await withServer { server in
            try await server.makeRun()
            let empty = Data(SHA256.hash(data: [])).base64EncodedString()
            for (digest, status) in [(ContentDigestTests.other, 400), (empty, 201)] {
                let answer = try await server.send(.post, "/v1/runs/r/checkpoints", fields: [.contentDigest: "sha-256=:\(digest):"])
                #expect(answer.status == status, "\(digest)")
            }
        }
    }

    @Test func aStepWithAWrongDigestIsNotTaken() async throws {
        try await withServer { server in
            try await server.makeRun()
            let field = HTTPFields([HTTPField(name: .contentDigest, value: "sha-256=:\(ContentDigestTests.other):")])
            for (method, target) in [(HTTPRequest.Method.put, "/v1/runs/r/steps/1"), (.put, "/v1/runs/r/parameters/w/steps/1")] {
                let answer = try await server.send(method, target, [UInt8](repeating: 0, count: 24), fields: field)
                #expect(answer.outcome == "400 content-digest-mismatch", "\(target)")
            }
        }
    }
}
