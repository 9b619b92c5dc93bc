import Foundation
import HTTPServer
import HTTPTypes
import Memory
import Testing

extension ServerTests {
    /// Many connections at once, and connections that go away.
    @Suite struct ConcurrencyTests {
        @Test func idleConnectionsHoldNoThread() async throws {
            ThisProcess.raiseDescriptorLimit()
            let (threads, statuses) = try await withServer { port, _ in
                try await onThread {
                    func ask(_ client: RawClient) throws -> Int {
                        try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                        return try client.answer().status
                    }
                    var clients = try (0..<20).map { _ in try RawClient(port: port) }
                    _ = try clients.map(ask)
                    let before = ThisProcess.threads
                    clients += try (0..<980).map { _ in try RawClient(port: port) }
                    var statuses = Set(try clients.map(ask))
                    // Dispatch's workers have come for the burst of 980; they end when they have had nothing to do for five seconds.
                    let deadline = ContinuousClock.now + .seconds(15)
                    var threads = ThisProcess.threads - before
                    while threads > 4, ContinuousClock.now < deadline {
                        usleep(100_000)
                        threads = ThisProcess.threads - before
                    }
                    statuses.formUnion(try clients.map(ask))
                    return (threads, statuses)
                }
            }
            #expect(threads <= 4)
            #expect(statuses == [200])
        }

        @Test func aSlowClientDoesNotHoldOthers() async throws {
            let status = try await withServer(configuration: .testing(\.eventLoops, 1)) { port, _ in
                try await onThread {
                    let slow = try RawClient(port: port, receiveBuffer: 4_096)
                    try slow.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(32 << 20)\r\n\r\n")
                    try slow.send([UInt8](repeating: 1, count: 32 << 20))
                    let slower = try RawClient(port: port)
                    try slower.send("GET /o")
                    let other = try RawClient(port: port, timeout: 2)
                    try other.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try other.answer().status
                }
            }
            #expect(status == 200)
        }

        @Test func aHandlerThatWaitsDoesNotHoldOthers() async throws {
            let gate = Gate()
            let handler = Answering { request in
                if request.pathSegments == ["wait"] { await gate.wait() }
                return .text("done")
            }
            let order = try await withServer(handler, configuration: .testing(\.eventLoops, 1)) { port, _ in
                async let waiting = answer(of: port, to: "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").text
                #expect(await eventually { await gate.arrivals == 1 })
                let other = try await answer(of: port, to: "GET / HTTP/1.1\r\nHost: a\r\n\r\n").text
                await gate.open()
                return [other, try await waiting]
            }
            #expect(order == ["done", "done"])
        }

        @Test func aClientThatGoesAwayDoesNotCancelWork() async throws {
            let gate = Gate()
            let finished = Gate()
            let handler = Answering { _ in
                await gate.wait()
                if !Task.isCancelled { await finished.wait() }
                return .text("done")
            }
            try await withServer(handler) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    client.setReset()
                    usleep(50_000)
                }
                await finished.open()
                await gate.open()
                #expect(await eventually { await finished.arrivals == 1 })
            }
        }

        @Test func clientsThatBreakOffLeaveNoDescriptorBehind() async throws {
            let before = try await withServer { port, _ in
                let before = ThisProcess.descriptors
                try await onThread {
                    for round in 0..<40 {
                        let client = try RawClient(port: port)
                        let length = round.isMultiple(of: 2) ? 8 << 20 : 1 << 20
                        try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n")
                        // Half of them break off within the body, the others within the answer.
                        try client.send([UInt8](repeating: 1, count: 1 << 20))
                        if !round.isMultiple(of: 2) { usleep(2_000) }
                        if round.isMultiple(of: 4) { client.setReset() }
                    }
                }
                #expect(await eventually { ThisProcess.descriptors <= before })
                return before
            }
            #expect(ThisProcess.descriptors < before)
        }
    }
}
