import Foundation
import HTTPServer
import HTTPTypes
import Memory
import Testing

extension ServerTests {
    /// What a server does not put up with, in time and in number.
    @Suite struct LimitTests {
        @Test func aSlowHeadIsAnswered408() async throws {
            let status = try await withServer(configuration: .testing(\.headTimeout, .milliseconds(100))) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET /ok HT")
                    return try client.answer().status
                }
            }
            #expect(status == 408)
        }

        @Test func anIdleConnectionIsClosedSilently() async throws {
            let isAtEnd = try await withServer(configuration: .testing(\.keepAliveTimeout, .milliseconds(100))) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.answer().status == 200 && client.isAtEnd()
                }
            }
            #expect(isAtEnd)
        }

        @Test(arguments: [3, 600_000]) func aBodyThatStallsIsAnswered408(count: Int) async throws {
            let limits = TransferLimits(grace: .milliseconds(100), minimumBytesPerSecond: 1)
            let status = try await withServer(configuration: .testing(\.receiving, limits)) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
                    try client.send([UInt8](repeating: 7, count: count))
                    return try client.answer().status
                }
            }
            #expect(status == 408)
        }

        /// A byte that comes after much is not reported at once, and must not be taken for a later one.
        @Test func aPauseIsMeasuredFromTheLastByte() async throws {
            let limits = TransferLimits(grace: .seconds(1), minimumBytesPerSecond: 1)
            let duration = try await withServer(configuration: .testing(\.receiving, limits)) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
                    try client.send([UInt8](repeating: 7, count: 200_000))
                    usleep(100_000)
                    try client.send("a")
                    var status = 0
                    let duration = try ContinuousClock().measure { status = try client.answer().status }
                    #expect(status == 408)
                    return duration
                }
            }
            #expect(duration > .milliseconds(900) && duration < .milliseconds(1_600), "\(duration)")
        }

        @Test func aBodyThatTricklesIsAnswered408() async throws {
            let limits = TransferLimits(grace: .milliseconds(200), minimumBytesPerSecond: 1 << 20)
            let status = try await withServer(configuration: .testing(\.receiving, limits)) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
                    for _ in 0..<20 {
                        try client.send("a")
                        usleep(20_000)
                    }
                    return try client.answer().status
                }
            }
            #expect(status == 408)
        }

        @Test func aReaderThatStopsReadingIsCutOff() async throws {
            let handler = Answering { _ in Response(status: .ok, body: .buffers([BufferSlice(AlignedBuffer(count: 64 << 20))])) }
            let limits = TransferLimits(grace: .milliseconds(100), minimumBytesPerSecond: 1)
            let meter = ServerMeter()
            await #expect(throws: RawClient.Failure.self) {
                try await withServer(handler, configuration: .testing(\.sending, limits), meter: meter) { port, _ in
                    try await onThread {
                        let client = try RawClient(port: port, receiveBuffer: 4_096)
                        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                        usleep(500_000)
                        return try client.answer()
                    }
                }
            }
            #expect(meter.metrics.cutAnswers == 1)
        }

        /// The process's own memory does not show what the system holds for a client.
        @Test func aReaderThatReadsNothingTakesLittleOfTheSystemsMemory() async throws {
            let meter = ServerMeter()
            let handler = Answering { _ in Response(status: .ok, body: .buffers([BufferSlice(AlignedBuffer(count: 64 << 20))])) }
            try await withServer(handler, meter: meter) { port, _ in
                let client = try RawClient(port: port, receiveBuffer: 4_096)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try await Task.sleep(for: .seconds(1))
                #expect((1..<512 << 10).contains(meter.metrics.sentBytes), "\(meter.metrics.sentBytes)")
            }
        }

        /// 64 MiB that may take a second, and are read at a MiB a second: no pause is long, but it would take a minute.
        @Test(arguments: [false, true]) func aReaderOfMuchMustReadFast(isStream: Bool) async throws {
            let handler = Answering { _ in
                guard isStream else { return Response(status: .ok, body: .buffers([BufferSlice(AlignedBuffer(count: 64 << 20))])) }
                let pieces = Pieces(Array(repeating: String(repeating: "a", count: 64 << 10), count: 1 << 10))
                return Response(status: .ok, body: .stream(length: 64 << 20) { try await pieces.next() })
            }
            let limits = TransferLimits(grace: .milliseconds(300), minimumBytesPerSecond: 1, longest: .seconds(1))
            let isCutOff = try await withServer(handler, configuration: .testing(\.sending, limits)) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port, receiveBuffer: 64 << 10)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    let start = ContinuousClock.now
                    while ContinuousClock.now - start < .seconds(20) {
                        guard try client.skip(atMost: 16 << 10) else { return true }
                        usleep(10_000)
                    }
                    return false
                }
            }
            #expect(isCutOff)
        }

        /// Each piece goes out whole at once, and each counts: 8 MiB at several times the rate that is asked for, and long in all.
        @Test func aReaderWhoIsFastEnoughMayTakeItsTime() async throws {
            let (count, size) = (128, 64 << 10)
            let handler = Answering { _ in
                let pieces = Pieces(Array(repeating: String(repeating: "a", count: size), count: count))
                return Response(status: .ok, body: .stream(length: count * size) { try await pieces.next() })
            }
            let limits = TransferLimits(grace: .milliseconds(300), minimumBytesPerSecond: 1, longest: .seconds(12))
            let answer = try await withServer(handler, configuration: .testing(\.sending, limits)) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port, receiveBuffer: 64 << 10)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.answer(pausing: 8_000)
                }
            }
            #expect(answer.text.utf8.count == count * size)
        }

        /// The handler takes longer for each piece than a reader may take in all.
        @Test func aReaderOfWhatIsMadeSlowlyIsNotBlamedForIt() async throws {
            let handler = Answering { _ in
                let pieces = Pieces(Array(repeating: String(repeating: "a", count: 64 << 10), count: 4))
                return Response(
                    status: .ok,
                    body: .stream(length: 256 << 10) {
                        try await Task.sleep(for: .milliseconds(300))
                        return try await pieces.next()
                    })
            }
            let limits = TransferLimits(grace: .milliseconds(200), minimumBytesPerSecond: 1 << 30, longest: .seconds(1))
            let answer = try await withServer(handler, configuration: .testing(\.sending, limits)) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.answer()
                }
            }
            #expect(answer.text.utf8.count == 256 << 10)
        }

        @Test func aThousandBodiesThatDoNotComeCostLittle() async throws {
            ThisProcess.raiseDescriptorLimit()
            let growth = try await withServer { port, _ in
                try await onThread {
                    func begin(_ count: Int) throws -> [RawClient] {
                        try (0..<count).map { index in
                            let client = try RawClient(port: port)
                            let framing = index.isMultiple(of: 2) ? "Transfer-Encoding: chunked" : "Content-Length: 10000000"
                            try client.send(
                                "PUT /echo HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n\(index.isMultiple(of: 2) ? "fffff\r\n" : "")a")
                            return client
                        }
                    }
                    var clients = try begin(50)
                    usleep(500_000)
                    let before = ThisProcess.residentBytes
                    clients += try begin(1_000)
                    usleep(1_000_000)
                    return ThisProcess.residentBytes - before
                }
            }
            // Both ends are in this process, and ThreadSanitizer doubles everything; alone it is 19 KiB.
            #expect(growth < 1_000 * 64 << 10)
        }

        /// In a process of its own, because its limit of descriptors is everybody's.
        @Test func whenDescriptorsRunOutAcceptingPausesAndResumes() async {
            await #expect(processExitsWith: .success) {
                try await withServer { port, _ in
                    let (isKept, isWaiting, seconds, status) = try await onThread {
                        let request = "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n"
                        let kept = try RawClient(port: port)
                        try kept.send(request)
                        _ = try kept.answer()
                        // Room for one more descriptor, which the client takes.
                        let limit = ThisProcess.limitDescriptors(toFreeOnes: 1)
                        let waiting = try RawClient(port: port, timeout: 1)
                        try waiting.send(request)
                        let before = ThisProcess.processorTime
                        let isWaiting = (try? waiting.answer()) == nil
                        let seconds = (ThisProcess.processorTime - before) / .seconds(1)
                        try kept.send(request)
                        let isKept = try kept.answer().status == 200
                        ThisProcess.limitDescriptors(to: limit)
                        return (isKept, isWaiting, seconds, try waiting.answer().status)
                    }
                    #expect(isKept)
                    #expect(isWaiting)
                    #expect(seconds < 0.3, "a second of waiting must not be a second of work")
                    #expect(status == 200)
                }
            }
        }

        @Test func connectionsOfOneAddressAreCounted() async throws {
            let statuses = try await withServer(configuration: .testing(\.maximumConnectionsPerAddress, 2)) { port, _ in
                try await onThread {
                    func ask(_ client: RawClient) throws -> Int {
                        try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                        return try client.answer().status
                    }
                    var clients = [try RawClient(port: port), try RawClient(port: port)]
                    var statuses = try clients.map(ask)
                    statuses.append(try RawClient(port: port).answer().status)
                    clients.removeFirst()
                    usleep(200_000)
                    statuses.append(try ask(RawClient(port: port)))
                    return statuses
                }
            }
            #expect(statuses == [200, 200, 503, 200])
        }

        @Test func largeAnswersThatNobodyReadsAreBudgeted() async throws {
            let handler = Answering { request in
                guard request.pathSegments.isEmpty else { return .text("small") }
                return Response(status: .ok, body: .buffers([BufferSlice(AlignedBuffer(count: 64 << 20))]))
            }
            let statuses = try await withServer(handler, configuration: .testing(\.maximumBodyBytesInFlight, 100 << 20)) { port, _ in
                try await onThread {
                    var slow: RawClient? = try RawClient(port: port, receiveBuffer: 4_096)
                    try slow?.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    usleep(300_000)
                    let other = try RawClient(port: port)
                    func status(_ target: String) throws -> Int {
                        try other.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
                        return try other.answer().status
                    }
                    var statuses = [try status("/"), try status("/small")]
                    slow = nil
                    usleep(300_000)
                    statuses.append(try status("/"))
                    return statuses
                }
            }
            #expect(statuses == [503, 200, 200])
        }

        @Test func whatManyReadersShareIsBudgetedOnce() async throws {
            let shared = AlignedBuffer(count: 64 << 20)
            let handler = Answering { request in
                let buffer = request.pathSegments.isEmpty ? shared : AlignedBuffer(count: 64 << 20)
                return Response(status: .ok, body: .buffers([BufferSlice(buffer)]))
            }
            let statuses = try await withServer(handler, configuration: .testing(\.maximumBodyBytesInFlight, 100 << 20)) { port, _ in
                try await onThread {
                    var slow = try (0..<3).map { _ in try RawClient(port: port, receiveBuffer: 4_096) }
                    for client in slow { try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
                    usleep(300_000)
                    let other = try RawClient(port: port)
                    func status(_ target: String) throws -> Int {
                        try other.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
                        return try other.answer().status
                    }
                    var statuses = [try status("/"), try status("/own")]
                    slow.removeFirst(2)
                    usleep(300_000)
                    statuses.append(try status("/own"))
                    slow = []
                    usleep(300_000)
                    statuses.append(try status("/own"))
                    return statuses
                }
            }
            #expect(statuses == [200, 503, 503, 200])
        }

        @Test func bodiesInFlightAreBudgeted() async throws {
            let answers = try await withServer(configuration: .testing(\.maximumBodyBytesInFlight, 10)) { port, _ in
                try await onThread {
                    let put = "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n"
                    let first = try RawClient(port: port)
                    try first.send(put)
                    var answers = [try first.answer()]
                    let second = try RawClient(port: port)
                    try second.send(put)
                    answers.append(try second.answer())
                    try first.send("12345678")
                    answers.append(try first.answer())
                    let third = try RawClient(port: port)
                    try third.send(put)
                    answers.append(try third.answer())
                    return answers
                }
            }
            #expect(answers.map(\.status) == [100, 503, 200, 100])
            #expect(answers[1]["Retry-After"] == "1")
        }
    }
}
