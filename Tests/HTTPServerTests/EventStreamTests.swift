import Foundation
import HTTPServer
import HTTPTypes
import Testing

extension ServerTests {
    /// Server-sent events: framing, heartbeat, and all the ways in which a stream ends.
    @Suite struct EventStreamTests {
        @Test func eventsAreSentAsTheyComeAndTheConnectionGoesOnAfterThem() async throws {
            let source = TestSource()
            try await withServer(answering(source)) { port, _ in
                source.add(ServerSentEvent(id: "1", name: "step", data: "one"))
                async let answers = onThread {
                    let client = try RawClient(port: port)
                    for _ in 0..<2 { try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
                    return try (0..<2).map { _ in try client.answer() }
                }
                #expect(await eventually { source.isAwaited })
                source.add(ServerSentEvent(data: "two\nlines"))
                #expect(await eventually { source.isAwaited })
                source.end()
                let received = try await answers
                #expect(received[0]["Transfer-Encoding"] == "chunked")
                #expect(received[0].text == "retry: 1000\n\nid: 1\nevent: step\ndata: one\n\ndata: two\ndata: lines\n\n")
                #expect(received[1].text == "retry: 1000\n\n", "the source is at its end")
            }
        }

        @Test func forHTTP10TheStreamEndsWithTheConnection() async throws {
            let source = TestSource()
            try await withServer(answering(source)) { port, _ in
                source.add(ServerSentEvent(data: "x"))
                source.end()
                let answer = try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.0\r\n\r\n")
                    return try client.answer()
                }
                #expect(answer["Transfer-Encoding"] == nil && answer["Connection"] == "close")
                #expect(answer.text == "retry: 1000\n\ndata: x\n\n")
            }
        }

        @Test func headIsAnsweredAtOnceAndTakesNoPlace() async throws {
            let source = TestSource()
            try await withServer(answering(source), configuration: .testing(\.maximumEventStreams, 0)) { port, _ in
                let (head, get) = try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                    let head = try client.answer(toHead: true)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return (head, try client.answer())
                }
                #expect(head.status == 200)
                #expect(get.status == 503 && get["Retry-After"] != nil && get.text.contains("too-many-event-streams"))
            }
        }

        @Test func aSilentStreamHasAHeartbeat() async throws {
            let source = TestSource()
            try await withServer(answering(source), configuration: .testing(\.heartbeatInterval, .milliseconds(100))) { port, _ in
                async let text = onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.answer().text
                }
                try await Task.sleep(for: .milliseconds(600))
                source.end()
                let beats = try await text.components(separatedBy: ": heartbeat\n\n").count - 1
                #expect((1...6).contains(beats))
            }
        }

        /// A place is free again as soon as its client has gone, in whatever way.
        @Test(arguments: [false, true]) func aClientThatGoesIsNoticedAtOnce(byReset: Bool) async throws {
            let source = TestSource()
            try await withServer(answering(source), configuration: .testing(\.maximumEventStreams, 1)) { port, _ in
                for _ in 0..<5 {
                    try await onThread {
                        let client = try RawClient(port: port)
                        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                        _ = try client.answer(toHead: true)
                        if byReset { client.setReset() }
                    }
                    let isFree = await eventually {
                        (try? await onThread {
                            let client = try RawClient(port: port)
                            try client.send("HEAD /free HTTP/1.1\r\nHost: a\r\n\r\n")
                            _ = try client.answer(toHead: true)
                            return source.holders == 0
                        }) ?? false
                    }
                    #expect(isFree)
                }
            }
        }

        @Test func whatAClientSendsMeanwhileIsItsNextRequest() async throws {
            let source = TestSource()
            try await withServer(answering(source)) { port, _ in
                async let texts = onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\n")
                    usleep(100_000)
                    try client.send("Host: a\r\n\r\n")
                    return try (0..<2).map { _ in try client.answer().text }
                }
                try await Task.sleep(for: .milliseconds(300))
                source.add(ServerSentEvent(data: "x"))
                source.end()
                #expect(try await texts == ["retry: 1000\n\ndata: x\n\n", "ok"])
            }
        }

        /// More than a head is nobody's next request.
        @Test func aClientThatSendsWithoutEndIsCutOff() async throws {
            let source = TestSource()
            try await withServer(answering(source)) { port, _ in
                let isCut = try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    do {
                        for _ in 0..<1_000 { try client.send([UInt8](repeating: 97, count: 64 << 10)) }
                        return false
                    } catch {
                        return true
                    }
                }
                #expect(isCut)
                #expect(await eventually { source.holders == 0 })
            }
        }

        /// Also one whose client does not read what it is sent.
        @Test(arguments: [false, true]) func aStopEndsStreamsAtOnce(isStuck: Bool) async throws {
            let source = TestSource()
            try await withServer(answering(source)) { port, server in
                async let isAtEnd = onThread {
                    let client = try RawClient(port: port, receiveBuffer: isStuck ? 4_096 : nil)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    if isStuck {
                        _ = try client.answer(toHead: true)
                        sleep(2)
                        return true
                    }
                    let text = try client.answer().text
                    return try text.hasPrefix("retry") && client.isAtEnd()
                }
                #expect(await eventually { source.isAwaited })
                if isStuck {
                    let much = String(repeating: "x", count: 1 << 20)
                    for _ in 0..<64 { source.add(ServerSentEvent(data: much)) }
                    try await Task.sleep(for: .milliseconds(300))
                }
                let began = ContinuousClock.now
                await server.stop(gracePeriod: .seconds(30))
                #expect(ContinuousClock.now - began < .seconds(5))
                #expect(try await isAtEnd)
            }
        }

        @Test func aClientThatDoesNotReadIsCutOff() async throws {
            let source = TestSource()
            let limits = TransferLimits(grace: .milliseconds(300), minimumBytesPerSecond: 1_024)
            try await withServer(answering(source), configuration: .testing(\.sending, limits)) { port, _ in
                async let done: Void = onThread {
                    let client = try RawClient(port: port, receiveBuffer: 4_096)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    sleep(3)
                    withExtendedLifetime(client) {}
                }
                #expect(await eventually { source.isAwaited })
                let much = String(repeating: "x", count: 1 << 20)
                for _ in 0..<64 { source.add(ServerSentEvent(data: much)) }
                #expect(await eventually { source.holders == 0 })
                try await done
            }
        }

        private func answering(_ source: TestSource) -> Answering {
            Answering { request in
                guard request.pathSegments.isEmpty else { return .text("ok") }
                return Response(status: .ok, headerFields: [.contentType: "text/event-stream"], body: .events(TestSource.Reader(source)))
            }
        }
    }
}

/// Events that a test gives out.
private final class TestSource: @unchecked Sendable {
    // Invariant: all of these are touched only under `lock`.
    private let lock = NSLock()
    private var events: [ServerSentEvent] = []
    private var isOver = false
    private var wake: (@Sendable () -> Void)?
    private var readers = 0

    /// How many streams hold it.
    var holders: Int { lock.withLock { readers } }
    /// Whether somebody waits for news.
    var isAwaited: Bool { lock.withLock { wake != nil } }

    func add(_ event: ServerSentEvent) { change { $0.events.append(event) } }

    func end() { change { $0.isOver = true } }

    private func change(_ change: (TestSource) -> Void) {
        let wake = lock.withLock {
            change(self)
            return self.wake.take()
        }
        wake?()
    }

    final class Reader: EventSource {
        private let source: TestSource

        init(_ source: TestSource) {
            self.source = source
            source.lock.withLock { source.readers += 1 }
        }

        deinit {
            source.lock.withLock { source.readers -= 1 }
        }

        func take() -> [ServerSentEvent]? {
            source.lock.withLock {
                if let event = source.events.first {
                    source.events.removeFirst()
                    return [event]
                }
                return source.isOver ? nil : []
            }
        }

        func whenNews(_ wake: @escaping @Sendable () -> Void) {
            let isNews = source.lock.withLock {
                if source.isOver || !source.events.isEmpty { return true }
                source.wake = wake
                return false
            }
            if isNews { wake() }
        }
    }
}
