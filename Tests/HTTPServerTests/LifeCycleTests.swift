import Foundation
import HTTPServer
import HTTPTypes
import Logging
import Memory
import Testing

extension ServerTests {
    /// Starting and stopping.
    @Suite struct LifeCycleTests {
        @Test func stoppingFinishesWhatIsInFlightAndClosesWhatIsIdle() async throws {
            let gate = Gate()
            let handler = Answering { _ in
                await gate.wait()
                return .text("done")
            }
            try await withServer(handler) { port, server in
                async let idle = onThread {
                    let client = try RawClient(port: port)
                    return try client.isAtEnd()
                }
                async let busy = onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    let answer = try client.answer()
                    return (answer.text, answer["Connection"], try client.isAtEnd())
                }
                #expect(await eventually { await gate.arrivals == 1 })
                async let stopped: Void = server.stop(gracePeriod: .seconds(10))
                let isIdleAtEnd = try await idle
                #expect(isIdleAtEnd)
                await #expect(throws: RawClient.Failure.self) { try await onThread { try RawClient(port: port).isAtEnd() } }
                await gate.open()
                let (text, connection, isAtEnd) = try await busy
                #expect(text == "done")
                #expect(connection == "close")
                #expect(isAtEnd)
                await stopped
            }
        }

        @Test func stoppingGivesUpAfterTheGracePeriod() async throws {
            let gate = Gate()
            let handler = Answering { _ in
                await gate.wait()
                return .text("late")
            }
            try await withServer(handler) { port, server in
                async let client = onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.isAtEnd()
                }
                #expect(await eventually { await gate.arrivals == 1 })
                let start = ContinuousClock.now
                await server.stop(gracePeriod: .milliseconds(100))
                #expect(ContinuousClock.now - start < .seconds(5))
                let isAtEnd = try await client
                #expect(isAtEnd)
                await gate.open()
            }
        }

        /// A request that has not arrived whole is not in flight: its client may never send the rest.
        @Test(arguments: ["PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc", "GET / HT"])
        func stoppingDoesNotWaitForWhatDoesNotArrive(start: String) async throws {
            let handler = Answering { request in
                do throws(HTTPError) {
                    _ = try await request.body.collect(upTo: 1 << 20)
                    return .text("whole")
                } catch {
                    return error.response
                }
            }
            try await withServer(handler) { port, server in
                async let status = onThread {
                    let client = try RawClient(port: port)
                    try client.send(start)
                    return try client.answer().status
                }
                try await Task.sleep(for: .milliseconds(100))
                let begin = ContinuousClock.now
                await server.stop(gracePeriod: .seconds(30))
                #expect(ContinuousClock.now - begin < .seconds(8))
                #expect(try await status == 408)
            }
        }

        /// Nor for who has asked a lot and reads nothing.
        @Test func stoppingDoesNotWaitForWhoReadsNothing() async throws {
            let handler = Answering { _ in Response(status: .ok, body: .buffers([BufferSlice(AlignedBuffer(count: 8 << 20))])) }
            try await withServer(handler) { port, server in
                async let isCutOff = onThread {
                    let client = try RawClient(port: port, receiveBuffer: 4_096)
                    for _ in 0..<20 { try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
                    usleep(8_000_000)
                    return (try? client.answer()) == nil
                }
                try await Task.sleep(for: .milliseconds(300))
                let begin = ContinuousClock.now
                await server.stop(gracePeriod: .seconds(30))
                #expect(ContinuousClock.now - begin < .seconds(7.9))
                let wasCutOff = try await isCutOff
                #expect(wasCutOff)
            }
        }

        @Test func aBusyPortIsAClearError() async throws {
            try await withServer { port, _ in
                let second = server(on: .tcp(host: "127.0.0.1", port: port))
                let error = #expect(throws: ServerError.self) { try second.start() }
                #expect(error?.description == "127.0.0.1:\(port) is in use")
            }
        }

        @Test func anUnknownHostIsAClearError() {
            #expect(throws: ServerError.self) { try server(on: .tcp(host: "not a host", port: 0)).start() }
            #expect(throws: ServerError.self) { try server(on: .tcp(host: "127.0.0.1", port: 70_000)).start() }
        }

        @Test func aServerStartsOnce() async throws {
            try await withServer { _, server in
                #expect(throws: ServerError.self) { try server.start() }
            }
        }

        @Test func aPortIsFreeAgainOnceItsServerHasStopped() async throws {
            let port = try await withServer { port, _ in port }
            let second = server(on: .tcp(host: "127.0.0.1", port: port))
            #expect(try second.start() == [.tcp(host: "127.0.0.1", port: port)])
            await second.stop(gracePeriod: .zero)
        }

        @Test func aUnixSocketIsForItsOwnerAndReplacesAStaleOne() async throws {
            let path = "/tmp/http-\(getpid())-\(UInt32.random(in: 0...(.max))).sock"
            // A server that was killed leaves its file behind.
            let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
            close(stale)

            let first = server(on: .unix(path: path))
            #expect(try first.start() == [.unix(path: path)])
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
            #expect(throws: ServerError.self) { try server(on: .unix(path: path)).start() }
            let text = try await onThread {
                let client = try RawClient(path: path)
                try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                return try client.answer().text
            }
            #expect(text == "ok")
            await first.stop(gracePeriod: .seconds(1))
            #expect(stat(path, &status) != 0)
        }

        @Test func aFileThatIsNoSocketIsLeftAlone() throws {
            let path = "/tmp/http-\(getpid())-\(UInt32.random(in: 0...(.max))).txt"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
            defer { unlink(path) }
            #expect(throws: ServerError.self) { try server(on: .unix(path: path)).start() }
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("mine".utf8))
        }

        private func server(on endpoint: ServerConfiguration.Endpoint) -> Server {
            Server(
                configuration: ServerConfiguration(endpoints: [endpoint]),
                pool: BufferPool(maximumIdleBytes: 0),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                handler: testRouter()
            )
        }
    }
}
