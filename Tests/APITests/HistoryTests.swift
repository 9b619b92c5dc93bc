import HTTPTypes
import Safetensors
import StrictJSON
import Testing

@testable import API

/// History and events as clients ask for them.
struct HistoryTests {
    private func take(_ steps: ClosedRange<Int>, on server: TestServer) async throws {
        for k in steps {
            let body = try file(TestTensor("w", [2, 3], (1...6).map { Float($0 * k) }))
            try #require(try await server.send(.put, "/v1/runs/r/steps/\(k)", body).status == 200)
        }
    }

    private func steps(_ answer: Answer) throws -> [[Int]] {
        try #require(answer.json["points"]?.arrayValue).map { point in
            ["first_step", "step", "steps"].map { point[$0]?.numberValue?.integer ?? -1 }
        }
    }

    @Test func theHistoryHasAPointForEachStep() async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.openManifest)
            let empty = try await server.send(.get, "/v1/runs/r/history")
            #expect(empty.status == 200 && empty.fields[.contentType] == "application/json")
            #expect(try empty.json["points"] == [] && empty.json["last_event_id"] == "1-0-0")
            try await take(1...5, on: server)
            let answer = try await server.send(.get, "/v1/runs/r/history")
            #expect(try steps(answer) == (1...5).map { [$0, $0, 1] })
            #expect(try answer.json["step"] == 5 && answer.json["epoch"] == 0 && answer.json["last_event_id"] == "1-0-5")
            let point = try #require(try answer.json["points"]?.arrayValue?.last)
            for figure in ["gradient_rms", "update_rms", "learning_rate", "receive_seconds", "compute_seconds", "commit_seconds"] {
                let (least, mean, most) = (point[figure]?["min"], point[figure]?["mean"], point[figure]?["max"])
                #expect(least?.numberValue != nil && least == mean && mean == most, "\(figure)")
            }
            let rms = point["gradient_rms"]?["mean"]?.numberValue?.double ?? 0
            #expect(abs(rms - 5 * (91.0 / 6).squareRoot()) < 1e-6)
            #expect(point["parameters"] == 1 && point["refreshes"] == 1 && point["skipped"] == 0 && point["clipped"] == 0)
            #expect(try await server.send(.head, "/v1/runs/r/history").status == 200)
        }
    }

    @Test(arguments: [
        ("from=2&to=3", [[2, 2, 1], [3, 3, 1]]), ("from=5", [[5, 5, 1], [6, 6, 1]]), ("to=1", [[1, 1, 1]]), ("from=7", []),
        ("points=2", [[1, 3, 3], [4, 6, 3]]), ("points=1", [[1, 6, 6]]), ("from=2&points=1&to=5", [[2, 5, 4]]),
        ("from=0&to=99999999999999999999", (1...6).map { [$0, $0, 1] }),
    ])
    func aPartCanBeAskedFor(query: String, expected: [[Int]]) async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.openManifest)
            try await take(1...6, on: server)
            #expect(try steps(await server.send(.get, "/v1/runs/r/history?\(query)")) == expected)
        }
    }

    @Test(arguments: [
        ("?from=x", "400 invalid-query-parameter"), ("?from=-1", "400 invalid-query-parameter"), ("?from=", "400 invalid-query-parameter"),
        ("?from=01", "400 invalid-query-parameter"), ("?to=1.5", "400 invalid-query-parameter"),
        ("?from=3&to=2", "400 invalid-query-parameter"), ("?points=0", "400 invalid-query-parameter"),
        ("?points=5001", "400 invalid-query-parameter"), ("?points=+5", "400 invalid-query-parameter"),
        ("?from=1&from=1", "400 repeated-query-parameter"), ("?step=1", "400 unknown-query-parameter"),
    ])
    func anIllFormedQueryIsRefused(query: String, outcome: String) async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(try await server.send(.get, "/v1/runs/r/history\(query)").outcome == outcome)
        }
    }

    @Test func whatCannotBeAnsweredIsRefused() async throws {
        try await withServer(token: "t") { server in
            for resource in ["history", "events"] {
                let answer = try await server.send(.get, "/v1/runs/r/\(resource)")
                #expect(answer.outcome == "401 unauthorized")
            }
        }
        try await withServer { server in
            for resource in ["history", "events"] {
                #expect(try await server.send(.get, "/v1/runs/none/\(resource)").outcome == "404 unknown-run")
            }
            try await server.makeRun()
            for (resource, type) in [("history", "text/event-stream"), ("events", "application/json")] {
                #expect(try await server.send(.get, "/v1/runs/r/\(resource)", fields: [.accept: type]).outcome == "406 not-acceptable")
                #expect(try await server.send(.post, "/v1/runs/r/\(resource)").fields[.allow] == "GET, HEAD")
            }
            #expect(try await server.send(.get, "/v1/runs/r/events?from=1").outcome == "400 unknown-query-parameter")
            for id in ["x", "1", "1-2", "1-2-3-4-5", "-1"] {
                #expect(try await server.send(.get, "/v1/runs/r/events", fields: [.lastEventID: id]).outcome == "400 invalid-event-id")
            }
        }
    }

    @Test func eventsGoOnAfterTheLastOneSeen() async throws {
        try await withServer { server in
            try await server.makeRun("r", TestServer.openManifest)
            try await take(1...4, on: server)
            func events(after id: String?) async throws -> [String] {
                var fields: HTTPFields = [.accept: "text/event-stream"]
                if let id { fields[.lastEventID] = id }
                let answer = try await server.send(.get, "/v1/runs/r/events", fields: fields)
                #expect(answer.status == 200 && answer.fields[.contentType] == "text/event-stream")
                return String(decoding: answer.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            }
            #expect(try await events(after: nil) == [])
            #expect(try await events(after: "") == [])
            let rest = try await events(after: "1-0-2")
            #expect(rest.count == 2 && rest[0].hasPrefix("1-0-3 step {\"epoch\":0,\"first_step\":3,"))
            let last = try JSONValue(parsing: Array(rest[1].dropFirst("1-0-4 step ".count).utf8))
            let point = try await server.send(.get, "/v1/runs/r/history?from=4").json["points"]?.arrayValue?.first
            #expect(last == point, "the same as in the history")
            let gap = try await events(after: "1-3-1")
            #expect(gap == [#"1-0-4 gap {"epoch":0,"step":4,"from":1,"to":4}"#])
            #expect(try await server.send(.head, "/v1/runs/r/events").status == 200)
        }
    }
}
