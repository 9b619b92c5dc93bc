import Foundation
import Safetensors
import StrictJSON
import Testing

extension EndToEnd {
    /// Lather as it stands on a network: behind nginx with `deploy/nginx.conf`.
    @Suite(.enabled(if: TLSProxy.isInstalled, "nginx is not installed; Scripts/install-dependencies does that"))
    struct ProxyTests {
        /// A gigabyte in `make test-long`.
        private static let bodyByteCount =
            ProcessInfo.processInfo.environment["LATHER_TEST_PROXY_BYTES"].flatMap { Int($0) } ?? 64_000_000

        @Test(.timeLimit(.minutes(1)), arguments: [false, true])
        func aRunIsTrainedThroughTLS(overUnixSocket: Bool) throws {
            try withTemporaryDirectory { directory in
                let socket = directory.appendingPathComponent("lather.sock").path
                let token = directory.appendingPathComponent("token")
                try Data("correct-horse".utf8).write(to: token)
                try TestServer.use(["--token-file", token.path, "--unix-socket", socket]) { server in
                    try TLSProxy.use(to: overUnixSocket ? "unix:\(socket)" : "127.0.0.1:\(server.port)") { proxy in
                        func put(_ path: String, _ body: [UInt8], token: String = "correct-horse") throws -> HTTPAnswer {
                            let file = directory.appendingPathComponent("body")
                            try Data(body).write(to: file)
                            return try proxy.request("PUT", path, fields: [("Authorization", "Bearer \(token)")], body: file)
                        }
                        // A name with a slash, which only arrives if nobody on the way decodes it.
                        let manifest = Array(
                            #"{"optimizer": {"lr": 0.1}, "parameters": [{"name": "a/b", "shape": [2, 2]}]}"#.utf8)
                        let gradient = [UInt8](repeating: 0, count: 12) + [0, 0, 128, 63]
                        let step = "/v1/runs/run/parameters/a%2Fb/steps/1"
                        #expect(try proxy.request("GET", "/healthz/live").status == 200)
                        let refused = try put("/v1/runs/run", manifest, token: "wrong")
                        #expect(refused.outcome == "401 unauthorized" && refused["WWW-Authenticate"] == "Bearer realm=\"lather\"")
                        #expect(try put("/v1/runs/run", manifest).status == 201)
                        let answer = try put(step, gradient)
                        #expect(answer.status == 200 && answer.body.count == 16 && answer["Lather-Step"] == "1")
                        let again = try put(step, gradient)
                        #expect(again.body == answer.body && again["Lather-Replayed"] == "true")
                        #expect(try put(step, gradient.reversed()).outcome == "422 step-body-differs")
                    }
                }
            }
        }

        @Test(.timeLimit(.minutes(10)))
        func aLargeBodyPassesInBothDirectionsAndIsLaidDownNowhere() throws {
            try TestServer.use { server in
                try TLSProxy.use(to: "127.0.0.1:\(server.port)") { proxy in
                    let connection = try server.connect()
                    // Vectors of this size have no factors, so that the state is no more than twice the weights.
                    let rows = ProxyTests.bodyByteCount / 4 / 1_000_000
                    let names = (0..<rows).map { "p\($0)" }
                    try connection.makeRun("run", ["optimizer": ["lr": 0.1], "policy": ["durability": "memory"]])
                    let sent = server.directory.appendingPathComponent("sent")
                    let received = server.directory.appendingPathComponent("received")
                    let header = try SafetensorsLayout(
                        names.map { TensorSpec(name: TensorName(stringLiteral: $0), dtype: .f32, shape: [1_000_000]) }
                    ).header
                    try Data(header).write(to: sent)
                    let file = try FileHandle(forWritingTo: sent)
                    try file.seekToEnd()
                    // Any finite numbers, others in each parameter.
                    var block = Data((0..<4_000_000).map { $0 % 4 == 3 ? 0 : UInt8(truncatingIfNeeded: $0 / 4) })
                    for row in 0..<rows {
                        block[row % 250 * 4] ^= UInt8(truncatingIfNeeded: row + 1)
                        try file.write(contentsOf: block)
                    }
                    try file.close()

                    let before = try proxy.peakByteCounts
                    let clock = ContinuousClock()
                    let up = try clock.measure {
                        let answer = try proxy.request("PUT", "/v1/runs/run/weights", body: sent)
                        #expect(answer.status == 204, "\(String(decoding: answer.body, as: UTF8.self))")
                    }
                    let down = try clock.measure {
                        let answer = try proxy.request("GET", "/v1/runs/run/weights", output: received)
                        #expect(answer.status == 200)
                    }
                    let growth = zip(try proxy.peakByteCounts, before).map { $0 - $1 }.max() ?? 0
                    print("\(rows * 4) MB through TLS: up in \(up), down in \(down); nginx grew by \(growth >> 10) KiB")
                    #expect(growth < 16 << 20)
                    #expect(try proxy.hasBufferedNothing)
                    let size = try FileManager.default.attributesOfItem(atPath: received.path)[.size] as? Int ?? 0
                    // The headers may differ in how they are written; the numbers may not.
                    try Process.succeed("cmp", "-i", "\(header.count):\(size - rows * 4_000_000)", sent.path, received.path)
                }
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func whatIsTooLargeIsRefusedInTheSameWords() throws {
            try TestServer.use { server in
                try TLSProxy.use(to: "127.0.0.1:\(server.port)") { proxy in
                    // Holes, of which nothing is sent: nginx says so before it asks for the body.
                    func file(_ byteCount: UInt64) throws -> URL {
                        let file = server.directory.appendingPathComponent("large")
                        try Data().write(to: file)
                        let handle = try FileHandle(forWritingTo: file)
                        try handle.truncate(atOffset: byteCount)
                        try handle.close()
                        return file
                    }
                    let byNginx = try proxy.request("PUT", "/v1/runs/run/weights", body: file(5 << 30))
                    #expect(byNginx.outcome == "413 body-too-large" && byNginx["Content-Type"] == "application/problem+json")
                    let byLather = try proxy.request("PUT", "/v1/runs/run", body: file(20 << 20))
                    #expect(byLather.outcome == "413 body-too-large")
                    let long = String(repeating: "a", count: 9_000)
                    let longHead = try proxy.request("GET", "/v1", fields: [("X-Long", long), ("X-Longer", long)])
                    #expect(longHead.outcome == "431 head-too-large")
                    #expect(try proxy.request("GET", "/\(long)").outcome == "414 request-line-too-long")
                    #expect(try proxy.request("GET", "/v1").status == 200)
                }
                let port = server.port
                try server.stop(SIGTERM)
                try TLSProxy.use(to: "127.0.0.1:\(port)") { proxy in
                    let absent = try proxy.request("GET", "/v1")
                    #expect(absent.status == 503 && absent["Retry-After"] == "1")
                }
            }
        }

        /// What nginx says to Lather, and that a piece of an answer goes on before the next one has come.
        @Test(.timeLimit(.minutes(1)))
        func aRequestArrivesAsItWasSentAndAnEventGoesOnAtOnce() throws {
            let (listener, port) = try Sockets.listen()
            defer { close(listener) }
            let hasSeen = DispatchSemaphore(value: 0)
            let upstream = Background { () -> String in
                let client = accept(listener, nil, nil)
                defer { close(client) }
                let request = Sockets.receiveMessage(from: client) ?? []
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nX-Request-Id: mine\r\n\r\n"
                Sockets.send(Array("\(head)b\r\ndata: one\n\n\r\n".utf8)[...], to: client)
                hasSeen.wait()
                Sockets.send(Array("b\r\ndata: two\n\n\r\n0\r\n\r\n".utf8)[...], to: client)
                return String(decoding: request, as: UTF8.self)
            }
            try TLSProxy.use(to: "127.0.0.1:\(port)") { proxy in
                let output = Pipe()
                let fields = ["X-Request-Id: mine", "Origin: https://lather.test", "Expect: 100-continue", "Connection: keep-alive"]
                let client = try Process.start(
                    proxy.curl("/v1/a%2Fb/../events?x=%2F") + ["--path-as-is", "-N", "--max-time", "20", "-X", "PUT", "-d", "the body"]
                        + fields.flatMap { ["-H", $0] },
                    output: output)
                var seen = output.fileHandleForReading.availableData
                #expect(seen == Data("data: one\n\n".utf8))
                hasSeen.signal()
                while case let more = output.fileHandleForReading.availableData, !more.isEmpty { seen += more }
                client.waitUntilExit()
                #expect(seen == Data("data: one\n\ndata: two\n\n".utf8))

                let request = try upstream.value()
                #expect(request.hasPrefix("PUT /v1/a%2Fb/../events?x=%2F HTTP/1.1\r\n"))
                #expect(request.hasSuffix("\r\n\r\nthe body"))
                let lines = Set(request.components(separatedBy: "\r\n"))
                #expect(lines.isSuperset(of: ["Host: lather.test:\(proxy.port)", "X-Request-Id: mine", "Origin: https://lather.test"]))
                #expect(!request.contains("Expect:") && !request.contains("Connection:"))
            }
        }
    }
}
