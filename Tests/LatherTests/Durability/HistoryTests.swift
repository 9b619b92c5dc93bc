import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// History and events of the real program, through stops and kills.
    @Suite struct HistoryTests {
        private func take(_ steps: ClosedRange<Int>, _ server: TestServer) throws {
            let connection = try server.connect()
            for step in steps {
                #expect(try connection.putStep("run", step, [NamedTensor("w", [12, 8], seed: UInt64(step))].encoded()).status == 200)
            }
        }

        private func points(_ server: TestServer, _ query: String = "") throws -> [JSONValue] {
            try #require(try server.connect().get("/v1/runs/run/history\(query)").json["points"]?.arrayValue)
        }

        @Test(.timeLimit(.minutes(1)))
        func theHistorySurvivesAStopAndAKill() throws {
            try TestServer.use { server in
                try server.connect().makeRun("run", ["optimizer": ["lr": 0.01]])
                try take(1...30, server)
                let before = try points(server)
                #expect(before.count == 30)
                #expect(try server.stop(SIGTERM).code == 0)
                try server.start()
                #expect(try points(server) == before)
                try take(31...40, server)
                let last = try points(server, "?from=31")
                try server.crashAndRestart()
                let after = try points(server)
                #expect(after.count == 40 && Array(after.prefix(30)) == before)
                for (new, old) in zip(after.suffix(10), last) {
                    for figure in ["gradient_rms", "update_rms", "learning_rate", "refreshes", "step"] {
                        #expect(new[figure] == old[figure])
                    }
                    // On a slow machine some were saved for their age.
                    #expect(new["commit_seconds"] == .null || new == old)
                }
                try server.stop(SIGTERM)
                let shown = try LatherProcess.run(["inspect", "--database", server.database.path, "--verify"], in: server.directory)
                #expect(shown.exit.code == 0, "\(shown.output)")
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aReaderGoesOnAfterARestartAndNeverHoldsUpAStop() throws {
            try TestServer.use { server in
                try server.connect().makeRun("run", ["optimizer": ["lr": 0.01]])
                let stream = try EventStream(server)
                try take(1...3, server)
                #expect(try (0..<3).map { _ in try stream.next().id } == ["1-0-1", "1-0-2", "1-0-3"])
                // One that reads nothing, too.
                let idle = try EventStream(server)
                let began = ContinuousClock.now
                #expect(try server.stop(SIGTERM).code == 0)
                #expect(ContinuousClock.now - began < .seconds(10))
                #expect(try stream.isAtEnd())
                withExtendedLifetime(idle) {}
                try server.start()
                try take(4...5, server)
                let again = try EventStream(server, after: "1-0-3")
                #expect(try (0..<2).map { _ in try again.next().id } == ["1-0-4", "1-0-5"])
                try server.crashAndRestart()
                let third = try EventStream(server, after: "1-0-4")
                let event = try third.next()
                #expect(event.id == "1-0-5" && event.name == "step")
                #expect(try event.data == points(server, "?from=5")[0])
                #expect(try server.connect().request("DELETE", "/v1/runs/run").status == 204)
                #expect(try third.next().name == "deletion")
                #expect(try third.isAtEnd())
            }
        }

        /// Of a run that has gone on for thousands of steps while a reader slept, it is told what it missed.
        @Test(.timeLimit(.minutes(1)), .enabled(if: LatherProcess.isNamed, "a debug build is too slow"))
        func aReaderThatSleptIsToldOfTheGap() throws {
            try TestServer.use { server in
                try server.connect().makeRun("run", ["optimizer": ["lr": 0.01], "policy": ["durability": "memory"]])
                try take(1...1, server)
                try take(2...2_100, server)
                let stream = try EventStream(server, after: "1-0-1")
                let gap = try stream.next()
                #expect(gap.name == "gap" && gap.data["from"] == 2)
                let to = try #require(gap.data["to"]?.numberValue?.integer)
                #expect((52...1_076).contains(to) && gap.id == "1-0-\(to)")
                #expect(try stream.next().id == "1-0-\(to + 1)")
                #expect(try points(server, "?from=2&to=\(to)&points=5000").count == to - 1)
            }
        }
    }
}

/// A reader of a run's events.
private final class EventStream {
    struct Event {
        var id = ""
        var name = ""
        var data = JSONValue.null
    }

    private let connection: HTTPConnection
    private var text = ""

    init(_ server: TestServer, after id: String? = nil) throws {
        connection = try server.connect()
        let fields = [("Accept", "text/event-stream")] + (id.map { [("Last-Event-ID", $0)] } ?? [])
        try connection.send("GET", "/v1/runs/run/events", fields: fields)
        let answer = try connection.receiveHead()
        guard answer.status == 200, answer["Content-Type"] == "text/event-stream" else { throw TestFailure("no events: \(answer)") }
    }

    /// The next event, for which it waits.
    func next() throws -> Event {
        while true {
            while let end = text.range(of: "\n\n") {
                let lines = text[..<end.lowerBound].split(separator: "\n")
                text.removeSubrange(..<end.upperBound)
                var event = Event()
                for line in lines {
                    let field = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                    let value = String(field[1].dropFirst())
                    switch field[0] {
                    case "id": event.id = value
                    case "event": event.name = value
                    case "data": event.data = try JSONValue(parsing: Array(value.utf8))
                    default: break
                    }
                }
                if !event.name.isEmpty { return event }
            }
            guard let chunk = try connection.receiveChunk() else { throw TestFailure("the stream has ended") }
            text += String(decoding: chunk, as: UTF8.self)
        }
    }

    /// Whether nothing follows but the stream's regular end.
    func isAtEnd() throws -> Bool {
        while let chunk = try connection.receiveChunk() { text += String(decoding: chunk, as: UTF8.self) }
        return !text.contains("event:")
    }
}
