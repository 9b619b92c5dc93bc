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

        @Test func aBodyThatStallsIsAnswered408() async throws {
            let limits = TransferLimits(grace: .milliseconds(100), minimumBytesPerSecond: 1)
            let status = try await withServer(configuration: .testing(\.receiving, limits)) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
                    return try client.answer().status
                }
            }
            #expect(status == 408)
        }

        @Test func aBodyThatTricklesIsAnswered408() async throws {
            let limits = TransferLimits(grace: .milliseconds(200), minimumBytesPerSecond: 1 << 20)
            let (status, sent) = try await withServer(configuration: .testing(\.receiving, limits)) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
                    var sent = 0
                    for _ in 0..<20 {
                        try client.send("a")
                        sent += 1
                        usleep(20_000)
                    }
                    return (try client.answer().status, sent)
                }
            }
            #expect(status == 408)
            #expect(sent == 20)
        }

        @Test func aReaderThatStopsReadingIsCutOff() async throws {
            let handler = Answering { _ in Response(status: .ok, body: .buffers([BufferSlice(AlignedBuffer(count: 64 << 20))])) }
            let limits = TransferLimits(grace: .milliseconds(100), minimumBytesPerSecond: 1)
            await #expect(throws: RawClient.Failure.self) {
                try await withServer(handler, configuration: .testing(\.sending, limits)) { port, _ in
                    try await onThread {
                        let client = try RawClient(port: port, receiveBuffer: 4_096)
                        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                        usleep(500_000)
                        return try client.answer()
                    }
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
