import Foundation
import HTTPServer
import HTTPTypes
import Logging
import Memory
import Metrics
import Testing

extension ServerTests {
    /// What can be seen of a server from outside: counts, request ids, the log.
    @Suite struct WatchingTests {
        /// Sends each piece on a connection of its own, or the next ones on the same while it lives; answers what comes back.
        private func ask(_ port: Int, _ requests: [String]) async throws -> [RawClient.Answer] {
            try await onThread {
                try requests.map { request in
                    let client = try RawClient(port: port)
                    try client.send(request)
                    return try client.answer(toHead: request.hasPrefix("HEAD "))
                }
            }
        }

        @Test func everyAnswerNamesItsRequest() async throws {
            let named = "Host: a\r\nX-Request-Id: mine.1\r\n\r\n"
            let answers = try await withServer { port, _ in
                try await ask(
                    port,
                    [
                        "GET /ok HTTP/1.1\r\n\(named)", "HEAD /ok HTTP/1.1\r\n\(named)", "GET /nowhere HTTP/1.1\r\n\(named)",
                        "PUT /strict HTTP/1.1\r\nContent-Length: 0\r\n\(named)", "GET /stream HTTP/1.1\r\n\(named)",
                        "PUT /locked HTTP/1.1\r\nContent-Length: 99\r\n\(named)",
                    ])
            }
            #expect(answers.map(\.status) == [200, 200, 404, 204, 200, 401])
            for answer in answers { #expect(answer.fields.filter { $0.name == "X-Request-Id" }.map(\.value) == ["mine.1"]) }
        }

        @Test func whoIsNotNamedIsGivenANameOfItsOwn() async throws {
            let answers = try await withServer { port, _ in
                try await ask(
                    port,
                    [
                        "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", "nonsense\r\n\r\n",
                        "GET /ok HTTP/1.1\r\nHost: a\r\nX-Request-Id: not one\r\n\r\n",
                        "GET /ok HTTP/1.1\r\nX-Request-Id: mine\r\nBad : field\r\n\r\n",
                        "GET /\(String(repeating: "x", count: 20_000)) HTTP/1.1\r\n\r\n",
                    ])
            }
            #expect(answers.map(\.status) == [200, 200, 400, 200, 400, 414])
            let names = answers.compactMap { $0["X-Request-Id"] }
            #expect(Set(names).count == answers.count)
            #expect(names.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{8}-[0-9]+-[0-9]+/) != nil }, "\(names)")
        }

        @Test func aRefusedConnectionIsNamedAndCounted() async throws {
            let meter = ServerMeter()
            let answer = try await withServer(configuration: .testing(\.maximumConnections, 1), meter: meter) { port, _ in
                try await onThread {
                    let first = try RawClient(port: port)
                    try first.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                    _ = try first.answer()
                    return try RawClient(port: port).answer()
                }
            }
            #expect(answer.status == 503)
            #expect(answer["X-Request-Id"] != nil)
            #expect(meter.metrics.refusedConnections == [.all: 1])
            #expect(meter.metrics.acceptedConnections == 1)
        }

        @Test func whatWasServedIsCounted() async throws {
            let meter = ServerMeter()
            try await withServer(meter: meter) { port, _ in
                let body = String(repeating: "b", count: 100_000)
                _ = try await ask(
                    port,
                    [
                        "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n",
                        "GET /names/x/end HTTP/1.1\r\nHost: a\r\n\r\n", "GET /names/y/end HTTP/1.1\r\nHost: a\r\n\r\n",
                        "GET /no/where HTTP/1.1\r\nHost: a\r\n\r\n", "BREW /ok HTTP/1.1\r\nHost: a\r\n\r\n",
                        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n\(body)",
                        "PUT /small HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789", "GET /ok HTTP/9.9\r\nHost: a\r\n\r\n",
                    ])
                #expect(await eventually { meter.metrics.openConnections == 0 })
            }
            let metrics = meter.metrics
            let counts = metrics.requests.map { resource, requests in
                "\(resource.method) \(resource.route ?? "none") \(requests.statuses.map { "\($0.key): \($0.value)" }.joined())"
            }
            #expect(
                Set(counts) == [
                    "GET /ok 200: 1", "HEAD /ok 200: 1", "GET /names/{name}/end 200: 2", "GET none 404: 1", "other /ok 405: 1",
                    "PUT /echo 200: 1", "PUT /small 413: 1",
                ])
            #expect(metrics.requests.values.allSatisfy { $0.durations.count == $0.statuses.values.reduce(0, +) })
            #expect(metrics.refusedRequests == ["http-version-not-supported": 1])
            #expect(metrics.acceptedConnections == 9)
            #expect((100_300..<101_000).contains(metrics.receivedBytes), "\(metrics.receivedBytes)")
            #expect((101_500..<104_000).contains(metrics.sentBytes), "\(metrics.sentBytes)")
            #expect(metrics.bytesInFlight == 0 && metrics.cutAnswers == 0)
        }

        @Test func bytesInFlightAreShownWhileTheyAre() async throws {
            let meter = ServerMeter()
            let gate = Gate()
            let handler = Answering { request in
                _ = try? await request.body.collect(upTo: 1 << 20)
                await gate.wait()
                return .text("done")
            }
            try await withServer(handler, meter: meter) { port, _ in
                async let answers = ask(
                    port, ["PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n\(String(repeating: "b", count: 1000))"])
                #expect(await eventually { await gate.arrivals == 1 })
                #expect(meter.metrics.bytesInFlight == 1000)
                await gate.open()
                _ = try await answers
                #expect(await eventually { meter.metrics.bytesInFlight == 0 })
            }
        }

        /// Also those that a handler writes, on whatever thread, and none with a secret in it.
        @Test func everyLineOfARequestNamesItAndTellsNoSecrets() async throws {
            let lines = LogLines(metadataProvider: RequestID.metadataProvider)
            let logger = Logger(label: "test") { _ in lines }
            var router = testRouter()
            router.on(.get, "/work") { _, _ in
                logger.info("working")
                await Task { logger.info("working beside it") }.value
                throw HTTPError(.unauthorized, "unauthorized", "Who are you?")
            }
            router.on(.get, "/probe") { _, _ in
                var response = HTTPError(.serviceUnavailable, "recovering", "Not yet.").response
                response.isRoutine = true
                return response
            }
            try await withServer(router, logger: logger) { port, _ in
                _ = try await ask(
                    port,
                    [
                        "GET /work?key=s3cret HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\nX-Request-Id: w-1\r\n\r\n",
                        "GET /probe HTTP/1.1\r\nHost: a\r\nX-Request-Id: p-1\r\n\r\n",
                        "GET /bro\u{1}ken?s3cret HTTP/1.1\r\nHost: a\r\nCookie: s3cret\r\n\r\n",
                    ])
            }
            let named = lines.lines.filter { $0.facts["request_id"] == "w-1" }
            #expect(named.map(\.message) == ["working", "working beside it", "request", "refused"])
            #expect(named.last?.level == .warning)
            #expect(lines.lines.filter { $0.facts["request_id"] == "p-1" }.map(\.message) == ["request"])
            #expect(named.last?.facts["problem"] == "unauthorized" && named.last?.facts["route"] == "/work")
            #expect(lines.lines.allSatisfy { $0.facts["request_id"] != nil })
            #expect(lines.lines.contains { $0.message == "request refused" })
            #expect(!"\(lines.lines)".contains("s3cret"))
        }
    }
}
