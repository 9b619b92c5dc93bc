import HTTPServer
import HTTPTypes
import Logging
import Memory

/// Starts a server on a free port, runs the test's body, and stops it.
@discardableResult
func withServer<Result>(
    _ handler: any RequestHandler = testRouter(),
    configuration: ServerConfiguration = .testing(),
    meter: ServerMeter = ServerMeter(),
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    _ body: (Int, Server) async throws -> Result
) async throws -> Result {
    let server = Server(
        configuration: configuration, pool: BufferPool(maximumIdleBytes: 64 << 20), logger: logger, meter: meter, handler: handler)
    guard case .tcp(_, let port) = try server.start()[0] else { throw RawClient.Failure(reason: "no port") }
    do {
        let result = try await body(port, server)
        await server.stop(gracePeriod: .seconds(1))
        return result
    } catch {
        await server.stop(gracePeriod: .zero)
        throw error
    }
}

/// A few resources that between them use everything a handler can do.
func testRouter() -> Router {
    var router = Router()
    router.on(.get, "/ok") { _, _ in .text("ok") }
    router.on(.put, "/echo") { request, _ in
        let body = try await request.body.collect(upTo: 64 << 20)
        return Response(status: .ok, body: .buffers([BufferSlice(body)]))
    }
    router.on(.put, "/small") { request, _ in
        let body = try await request.body.collect(upTo: 8)
        return .text("\(body.count)")
    }
    router.on(.put, "/refuse") { _, _ in throw HTTPError(.conflict, "refused", "Not today.") }
    router.on(.put, "/locked") { _, _ in
        throw HTTPError(.unauthorized, "unauthorized", "Who are you?", headerFields: [.wwwAuthenticate: "Bearer"])
    }
    router.on(.put, "/strict") { request, _ in
        guard request.body.framing != .none else { throw HTTPError(.lengthRequired, "length-required", "Say how much.") }
        return Response(status: .noContent)
    }
    router.on(.get, "/names/{name}/end") { _, parameters in .text(parameters["name"]) }
    router.on(.get, "/query") { request, _ in .text(request.queryItems.map { "\($0.name)=\($0.value)" }.joined(separator: "|")) }
    router.on(.get, "/\u{FC}") { _, _ in .text("composed") }
    router.on(.get, "/stream") { _, _ in
        let pieces = Pieces(["stre", "am"])
        return Response(status: .ok, body: .stream(length: nil) { try await pieces.next() })
    }
    router.on(.get, "/pieces") { _, _ in
        let buffer = AlignedBuffer(count: 6)
        buffer.mutableBytes.copyBytes(from: "abcdef".utf8)
        return Response(status: .ok, body: .buffers([BufferSlice(buffer, 4..<6), BufferSlice(buffer, 2..<2), BufferSlice(buffer, 0..<2)]))
    }
    return router
}

extension ServerConfiguration {
    /// A free port, and a sweep that is quick to notice.
    static func testing() -> ServerConfiguration {
        var configuration = ServerConfiguration(endpoints: [.tcp(host: "127.0.0.1", port: 0)])
        configuration.sweepInterval = .milliseconds(50)
        return configuration
    }

    /// The same with one setting changed.
    static func testing<Value>(_ setting: WritableKeyPath<ServerConfiguration, Value>, _ value: Value) -> ServerConfiguration {
        var configuration = testing()
        configuration[keyPath: setting] = value
        return configuration
    }
}

extension Response {
    static func text(_ text: String) -> Response {
        Response(status: .ok, headerFields: [.contentType: "text/plain"], body: .bytes(Array(text.utf8)))
    }
}

/// A handler that is a closure.
struct Answering: RequestHandler {
    var answer: @Sendable (Request) async -> Response

    init(_ answer: @escaping @Sendable (Request) async -> Response) {
        self.answer = answer
    }

    func respond(to request: Request) async -> Response { await answer(request) }
}
