import Foundation
import HTTPTypes
import Testing

@testable import API

/// A page of another site must not step a run with its visitor's browser; clients that are no browsers are not concerned.
struct BrowserTests {
    @Test(
        arguments: [
            ([:], 200),
            (["Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8421", "Host": "localhost:8421"], 200),
            (["Origin": "http://127.0.0.1:8421", "Host": "127.0.0.1:8421"], 200),
            (["Origin": "http://[::1]:8421", "Host": "[::1]:8421"], 200),
            (["Origin": "HTTP://LOCALHOST:8421", "Host": "Localhost:8421"], 200),
            (["Sec-Fetch-Site": "none", "Host": "localhost"], 200),
            (["Sec-Fetch-Site": "cross-site", "Host": "localhost"], 403),
            (["Sec-Fetch-Site": "same-site", "Host": "localhost"], 403),
            (["Origin": "https://evil.example", "Host": "localhost"], 403),
            (["Origin": "null", "Host": "localhost"], 403),
            (["Origin": "http://localhost:9999", "Host": "localhost:8421"], 403),
            (["Origin": "http://localhost:8421"], 403),
            // DNS rebinding: to the browser the page is of the server's own origin.
            (["Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example:8421", "Host": "evil.example:8421"], 403),
        ] as [([String: String], Int)])
    func whoMayChangeARun(fields: [String: String], status: Int) async throws {
        let sent = HTTPFields(fields.map { HTTPField(name: HTTPField.Name($0.key)!, value: $0.value) })
        try await withServer { server in
            try await server.makeRun()
            let answer = try await server.send(
                .patch, "/v1/runs/r", json: #"{"optimizer": {"lr": 0.2}}"#,
                fields: sent.merging([.contentType: "application/merge-patch+json"])
            )
            #expect(answer.status == status && (status == 200 || answer.outcome == "403 cross-origin"))
            #expect(try await server.send(.get, "/v1/runs/r", fields: sent).status == 200, "looking is for everyone")
        }
    }

    /// A name of one's own is safe where the page would need the token, too.
    @Test func withATokenAnyNameMayLeadHere() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TestServer(
                database: directory.appendingPathComponent("test.sqlite"), token: "s3cret", publicDirectory: directory)
            let fields: HTTPFields = [
                .authorization: "Bearer s3cret", .origin: "https://lather.example", HTTPField.Name("Host")!: "lather.example",
            ]
            let answer = try await server.send(.put, "/v1/runs/r", json: TestServer.manifest, fields: fields)
            #expect(answer.status == 201)
        }
    }

    @Test(arguments: ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
    func formsAreNotTaken(type: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            for target in ["/v1/runs/r/steps", "/v1/runs/r/checkpoints", "/v1/runs/r/restore"] {
                let answer = try await server.send(.post, target, [0x7B, 0x7D], fields: [.contentType: type])
                #expect(answer.outcome == "415 unsupported-media-type", "\(target)")
            }
        }
    }
}

extension HTTPFields {
    fileprivate func merging(_ others: HTTPFields) -> HTTPFields {
        var fields = self
        for field in others { fields.append(field) }
        return fields
    }
}
