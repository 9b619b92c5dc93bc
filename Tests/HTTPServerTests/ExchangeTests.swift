import Foundation
import HTTPServer
import HTTPTypes
import Memory
import Testing

extension ServerTests {
    /// Single requests and answers in all their forms.
    @Suite struct ExchangeTests {
        @Test func continueIsSentOnlyWhenTheBodyIsAskedFor() async throws {
            let statuses = try await withServer { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n")
                    var statuses = [try client.answer().status]
                    try client.send("abc")
                    statuses.append(try client.answer().status)
                    for target in ["/refuse", "/small", "/nowhere"] {
                        let client = try RawClient(port: port)
                        try client.send("PUT \(target) HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
                        statuses.append(try client.answer().status)
                        client.finishWriting()
                        guard try client.isAtEnd() else { throw RawClient.Failure(reason: "still open") }
                    }
                    return statuses
                }
            }
            #expect(statuses == [100, 200, 409, 413, 404])
        }

        @Test func continueIsLeftOutWhenTheBodyIsHere() async throws {
            let statuses = try await withServer { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
                    try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n")
                    return [try client.answer().status, try client.answer().status]
                }
            }
            #expect(statuses == [200, 200])
        }

        /// Who sends much at once is not waited for byte by byte any more, and must not be waited for in vain.
        @Test func aBodyThatFlowsAndThenDripsIsReadToItsEnd() async throws {
            let body = (0..<900_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let (echoed, next) = try await withServer { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send(Array("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body[..<500_000])
                    for start in stride(from: 500_000, to: body.count, by: 50_000) {
                        usleep(20_000)
                        try client.send(body[start..<start + 50_000])
                    }
                    let echoed = try client.answer().body
                    usleep(20_000)
                    try client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                    return (echoed, try client.answer().text)
                }
            }
            #expect(echoed == body)
            #expect(next == "ok")
        }

        @Test func headIsAnsweredLikeGetWithoutTheBody() async throws {
            let (head, get) = try await withServer { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("HEAD /pieces HTTP/1.1\r\nHost: a\r\n\r\nGET /pieces HTTP/1.1\r\nHost: a\r\n\r\n")
                    return (try client.answer(toHead: true), try client.answer())
                }
            }
            #expect(head.status == 200)
            #expect(head["Content-Length"] == "4")
            #expect(get["Content-Length"] == "4")
            #expect(get.text == "efab")
        }

        @Test(arguments: [204, 304]) func someAnswersHaveNoBody(status: Int) async throws {
            let handler = Answering { request in
                request.pathSegments == ["end"] ? .text("end") : Response(status: .init(code: status), body: .bytes([1, 2, 3]))
            }
            let (first, second) = try await withServer(handler) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /end HTTP/1.1\r\nHost: a\r\n\r\n")
                    return (try client.answer(), try client.answer())
                }
            }
            #expect(first["Content-Length"] == nil)
            #expect(second.text == "end")
        }

        @Test func theServerFramesAnswersItself() async throws {
            let handler = Answering { _ in
                let fields: HTTPFields = [.contentLength: "99", .transferEncoding: "gzip", .date: "yesterday", .server: "a\r\nb: c"]
                return Response(status: .ok, headerFields: fields, body: .bytes([0x61]))
            }
            let answer = try await withServer(handler) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.answer()
                }
            }
            #expect(answer.fields.map(\.name) == ["Server", "Date", "X-Request-Id", "Content-Length"])
            #expect(answer["Date"]?.hasSuffix(" GMT") == true)
            #expect(answer["Server"] == "a  b: c")
            #expect(answer.text == "a")
        }

        @Test func nothingIsAnsweredAfterClose() async throws {
            let isAtEnd = try await withServer { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.answer().status == 200 && client.isAtEnd()
                }
            }
            #expect(isAtEnd)
        }

        @Test func aHandlerMayCloseTheConnection() async throws {
            let handler = Answering { _ in Response(status: .ok, headerFields: [.connection: "close"]) }
            let isAtEnd = try await withServer(handler) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.answer()["Connection"] == "close" && client.isAtEnd()
                }
            }
            #expect(isAtEnd)
        }

        /// 32 MiB is more than any socket buffer, and in chunks of a size that fits no buffer of the server's.
        @Test(arguments: [nil, 1_000_003]) func aLargeBodyComesBackByteForByte(chunk: Int?) async throws {
            let body = [UInt8](unsafeUninitializedCapacity: 32 << 20) { buffer, count in
                var state: UInt64 = 88_172_645_463_325_252
                let words = UnsafeMutableRawBufferPointer(buffer).bindMemory(to: UInt64.self)
                for index in words.indices {
                    state ^= state << 13
                    state ^= state >> 7
                    state ^= state << 17
                    words[index] = state
                }
                count = buffer.count
            }
            let isSame = try await withServer { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    if let chunk {
                        try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                        for start in stride(from: 0, to: body.count, by: chunk) {
                            let piece = body[start..<min(start + chunk, body.count)]
                            try client.send("\(String(piece.count, radix: 16))\r\n")
                            try client.send(piece)
                            try client.send("\r\n")
                        }
                        try client.send("0\r\n\r\n")
                    } else {
                        try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
                        try client.send(body)
                    }
                    return try client.answer().body == body
                }
            }
            #expect(isSame)
        }

        @Test func aRefusedClientThatSendsOnStillGetsTheAnswer() async throws {
            let answer = try await withServer { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: \(16 << 20)\r\n\r\n")
                    try client.send([UInt8](repeating: 7, count: 16 << 20))
                    return try client.answer()
                }
            }
            #expect(answer.status == 409)
            #expect(answer["Connection"] == "close")
        }

        @Test func aBodyCanBeHadOnceAndNotAfterItsRequest() async throws {
            let kept = Kept()
            let handler = Answering { request in
                _ = try? await request.body.collect(upTo: 100)
                await kept.set(request.body)
                do throws(HTTPError) {
                    _ = try await request.body.collect(upTo: 100)
                    return .text("twice")
                } catch {
                    return error.response
                }
            }
            let status = try await withServer(handler) { port, _ in
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
                    return try client.answer().status
                }
            }
            #expect(status == 500)
            let body = try #require(await kept.body)
            #expect(body.receiveDuration != nil)
            await #expect(throws: HTTPError.self) { try await body.collect(upTo: 100) }
        }

        @Test func aHandlerThatAnswersWhileItStillReadsHarmsNobody() async throws {
            let ended = Gate()
            let handler = Answering { request in
                guard request.pathSegments.isEmpty else { return .text("ok") }
                Task {
                    _ = try? await request.body.collect(upTo: 100)
                    await ended.wait()
                }
                try? await Task.sleep(for: .milliseconds(50))
                return .text("early")
            }
            let texts = try await withServer(handler) { port, _ in
                let texts = try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
                    let early = try client.answer()
                    guard try early["Connection"] == "close" && client.isAtEnd() else { throw RawClient.Failure(reason: "still open") }
                    let other = try RawClient(port: port)
                    try other.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
                    return [early.text, try other.answer().text]
                }
                #expect(await eventually { await ended.arrivals == 1 })
                return texts
            }
            await ended.open()
            #expect(texts == ["early", "ok"])
        }

        private actor Kept {
            private(set) var body: RequestBody?
            func set(_ body: RequestBody) { self.body = body }
        }
    }
}
