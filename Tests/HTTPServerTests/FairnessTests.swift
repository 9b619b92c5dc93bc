import Foundation
import HTTPServer
import HTTPTypes
import Memory
import Testing

extension ServerTests {
    /// What one client takes of the others' time and room, and that it is counted.
    @Suite struct FairnessTests {
        /// Work that never waits, as parsing a long field is.
        private static let work = Duration.milliseconds(2)

        @Test func whoSendsManyDearRequestsAtOnceDoesNotHoldUpTheOthers() async throws {
            let handler = Answering { request in
                let end = ContinuousClock.now + FairnessTests.work
                while request.method == .put, .now < end {}
                return .text("done")
            }
            try await withServer(handler, configuration: .testing(\.eventLoops, 1)) { port, _ in
                let duration = try await onThread {
                    let other = try RawClient(port: port)
                    let hog = try RawClient(port: port)
                    try hog.send(String(repeating: "PUT / HTTP/1.1\r\nHost: a\r\n\r\n", count: 500))
                    let duration = try ContinuousClock().measure {
                        try other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                        _ = try other.answer()
                    }
                    // All of them are there, whoever came between.
                    for _ in 0..<500 { #expect(try hog.answer().status == 200) }
                    return duration
                }
                #expect(duration < .milliseconds(250), "\(duration)")
            }
        }

        @Test func whoNeverAsksKeepsNoPlaceForLong() async throws {
            var configuration = ServerConfiguration.testing(\.headTimeout, .milliseconds(100))
            configuration.keepAliveTimeout = .seconds(60)
            try await withServer(configuration: configuration) { port, _ in
                try await onThread {
                    let silent = try RawClient(port: port)
                    let asking = try RawClient(port: port)
                    try asking.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try asking.answer().status == 200)
                    #expect(try silent.isAtEnd())
                    try asking.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try asking.answer().status == 200)
                }
            }
        }

        /// Its pieces and the whole that is made of them are in memory at once.
        @Test(arguments: [(300_000, 200), (600_000, 503)]) func aChunkedBodyIsCountedAsOftenAsItIsThere(count: Int, status: Int)
            async throws
        {
            let gate = Gate()
            let meter = ServerMeter()
            let handler = Answering { request in
                guard (try? await request.body.collect(upTo: 1 << 20)) != nil else { return Response(status: .serviceUnavailable) }
                if request.target.elementsEqual("/held".utf8) { await gate.wait() }
                return .text("done")
            }
            try await withServer(handler, configuration: .testing(\.maximumBodyBytesInFlight, 1_000_000), meter: meter) { port, _ in
                // While nothing is in flight anything fits.
                async let held = answer(of: port, to: "PUT /held HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na").status
                #expect(await eventually { await gate.arrivals == 1 })
                let chunk = "\(String(count, radix: 16))\r\n\(String(repeating: "a", count: count))\r\n0\r\n\r\n"
                let answered = try await answer(
                    of: port, to: "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)"
                ).status
                #expect(answered == status)
                await gate.open()
                let answeredBefore = try await held
                #expect(answeredBefore == 200)
                #expect(await eventually { meter.metrics.bytesInFlight == 0 })
            }
        }

        @Test func aBodyThatGrowsInMemoryIsCountedWithItsWeight() async throws {
            let gate = Gate()
            let meter = ServerMeter()
            let handler = Answering { request in
                _ = try? await request.body.collect(upTo: 1 << 20, weight: 32)
                await gate.wait()
                return .text("done")
            }
            try await withServer(handler, meter: meter) { port, _ in
                async let answers = onThread {
                    let clients = try [RawClient(port: port), RawClient(port: port)]
                    try clients[0].send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n\(String(repeating: "b", count: 1000))")
                    try clients[1].send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
                    return try clients.map { try $0.answer().status }
                }
                #expect(await eventually { await gate.arrivals == 2 })
                #expect(meter.metrics.bytesInFlight == 32 * 1003)
                await gate.open()
                let statuses = try await answers
                #expect(statuses == [200, 200])
                #expect(await eventually { meter.metrics.bytesInFlight == 0 })
            }
        }

        /// A byte of JSON takes room for what it becomes only when it is there: idle clients could hold a budget by a few bytes a second.
        @Test func aBodyThatDoesNotComeIsCountedOnceHoweverItGrows() async throws {
            let meter = ServerMeter()
            let handler = Answering { request in
                guard (try? await request.body.collect(upTo: 1 << 20, weight: 32)) != nil else {
                    return Response(status: .serviceUnavailable)
                }
                return .text("done")
            }
            try await withServer(handler, configuration: .testing(\.maximumBodyBytesInFlight, 100_000), meter: meter) { port, _ in
                let statuses = try await onThread {
                    let idle = try (0..<10).map { _ in try RawClient(port: port) }
                    for client in idle { try client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\nb") }
                    while meter.metrics.bytesInFlight < 60_000 { usleep(1_000) }
                    return try [1_000, 1_300].map { count in
                        let client = try RawClient(port: port)
                        try client.send(
                            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n\(String(repeating: "b", count: count))")
                        return try client.answer().status
                    }
                }
                #expect(statuses == [200, 503])
                #expect(await eventually { meter.metrics.bytesInFlight == 0 })
                // Alone it may be of any size.
                let alone = try await answer(
                    of: port, to: "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\n\(String(repeating: "b", count: 6000))"
                ).status
                #expect(alone == 200)
            }
        }

        /// Also when it is larger than the body that led to it, and nobody reads it.
        @Test func theAnswerToAWriteIsCounted() async throws {
            let meter = ServerMeter()
            let handler = Answering { request in
                _ = try? await request.body.collect(upTo: 1 << 20)
                return Response(status: .ok, body: .buffers([BufferSlice(AlignedBuffer(count: 32 << 20))]))
            }
            try await withServer(handler, meter: meter) { port, _ in
                async let count = onThread {
                    let client = try RawClient(port: port, receiveBuffer: 4_096)
                    try client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
                    usleep(500_000)
                    return try client.answer().body.count
                }
                #expect(await eventually { meter.metrics.bytesInFlight == 32 << 20 })
                let received = try await count
                #expect(received == 32 << 20)
                #expect(await eventually { meter.metrics.bytesInFlight == 0 })
            }
        }
    }
}
