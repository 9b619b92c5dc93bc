import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// What an operator sees: the log, line by line, and the metrics.
    @Suite struct WatchTests {
        @Test(.timeLimit(.minutes(1)))
        func everyLineOfTheLogIsAnObjectAndEveryRequestCanBeFound() throws {
            try TestServer.use(["--log-level", "debug"], environment: ["LATHER_TOKEN_FILE": "token"], prepare: prepare) { server in
                let connection = try server.connect()
                let known = ("Authorization", "Bearer s3cret")
                let manifest: JSONValue = ["optimizer": ["lr": 0.01]]
                let made = try connection.request(
                    "PUT", "/v1/runs/run", fields: [known, ("Content-Type", "application/json")], body: manifest.serialized())
                #expect(made.status == 201)
                let step = try connection.request(
                    "PUT", "/v1/runs/run/steps/1", fields: [known, ("X-Request-Id", "step-1")],
                    body: [NamedTensor("w", [12, 8], seed: 1)].encoded())
                #expect(step.status == 200 && step["X-Request-Id"] == "step-1")
                #expect(try connection.request("POST", "/v1/runs/run/checkpoints", fields: [known]).status == 201)
                let back = try connection.request(
                    "POST", "/v1/runs/run/restore",
                    fields: [
                        known, ("Content-Type", "application/json"),
                        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                    ], body: JSONValue.object(["step": 1]).serialized())
                #expect(back.status == 200 && back["X-Request-Id"] == "0af7651916cd43dd8448eb211c80319c")
                let refused = try connection.get("/v1/runs?token=s3cret")
                #expect(refused.status == 401)
                let metrics = try connection.request("GET", "/metrics", fields: [known])
                let text = String(decoding: metrics.body, as: UTF8.self)
                for line in [
                    #"lather_http_requests_total{method="PUT",route="/v1/runs/{run}/steps/{k}",status="200"} 1"#,
                    #"lather_http_requests_total{method="GET",route="/v1/runs",status="401"} 1"#,
                    #"lather_step_phase_duration_seconds_count{phase="sync"} 1"#, "lather_ready 1",
                ] {
                    #expect(text.contains("\n\(line)\n"), "\(line)")
                }
                #expect(try server.stop(SIGTERM).code == 0)

                let lines = try logLines(of: server)
                func messages(_ name: String?) -> [String] {
                    lines.filter { $0["request_id"]?.stringValue == name }.compactMap { $0["message"]?.stringValue }
                }
                #expect(messages("step-1") == ["request"])
                #expect(messages("0af7651916cd43dd8448eb211c80319c") == ["run restored", "request"])
                #expect(messages(refused["X-Request-Id"]) == ["request", "refused"])
                #expect(messages(nil) == ["listening", "ready", "stopping", "stopped"])
                #expect(lines.first { $0["request_id"] == "step-1" }?["status"] == 200)
                #expect(!server.process.error.contains("s3cret"))
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func atTheUsualLevelOnlyWhatMattersIsLogged() throws {
            try TestServer.use { server in
                try server.trainALittle()
                #expect(try server.connect().get("/v1/runs/none").status == 404)
                #expect(try server.stop(SIGTERM).code == 0)
                #expect(
                    try logLines(of: server).compactMap { $0["message"]?.stringValue } == ["listening", "ready", "stopping", "stopped"])
            }
        }

        private func prepare(_ directory: URL) throws {
            try Data("s3cret\n".utf8).write(to: directory.appendingPathComponent("token"))
        }

        /// The lines, each held to what is promised of all.
        private func logLines(of server: TestServer) throws -> [JSONValue] {
            let lines = try server.process.error.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
                try JSONValue(parsing: Array($0.utf8))
            }
            #expect(server.process.error.hasSuffix("\n"))
            for line in lines {
                #expect(line["time"]?.stringValue?.wholeMatch(of: /2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil, "\(line)")
                #expect(["debug", "info", "notice", "warning", "error"].contains(line["level"]?.stringValue), "\(line)")
                #expect(line["message"]?.stringValue?.isEmpty == false && line["source"]?.stringValue?.isEmpty == false, "\(line)")
            }
            let times = lines.compactMap { $0["time"]?.stringValue }
            #expect(zip(times, times.dropFirst()).allSatisfy { $0.0.prefix(19) <= $0.1.prefix(19) })
            return lines
        }
    }
}
