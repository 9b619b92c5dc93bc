import Foundation
import HTTPServer
import HTTPTypes
import Logging
import Memory
import Storage
import StrictJSON
import Testing
import Training

@testable import API

/// A server without sockets: the API on a real store.
struct TestServer {
    let store: Store
    let runs: Runs
    let api: API
    /// As if a server had served; these tests have none.
    let meter = ServerMeter()

    /// - Parameter isRecovered: whether the start has come to its end.
    init(
        database: URL, token: String? = nil, publicDirectory: URL? = nil, memoryBudget: Int = 1 << 30, maximumBodyByteCount: Int = 1 << 20,
        contractFile: URL? = TestServer.contractFile, isRecovered: Bool = true, prepare: (Store) throws -> Void = { _ in }
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        store = try Store(path: database.path, logger: logger)
        try prepare(store)
        runs = Runs(
            store: store, threadCount: 1, memoryBudget: memoryBudget, buffers: BufferPool(maximumIdleBytes: 0), logger: logger)
        api = API(
            runs: runs,
            configuration: Configuration(
                version: "1.2.3", maximumBodyByteCount: maximumBodyByteCount, server: ServerConfiguration(endpoints: []),
                meter: meter, token: token, publicDirectory: publicDirectory, contractFile: contractFile, threadCount: 1),
            logger: logger)
        if isRecovered { try await runs.recover() }
    }

    /// The published contract, at the top of the package.
    static let contractFile = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../openapi.yaml").standardizedFileURL

    /// A request as a client would write it. Without a body there is no Content-Length either. The answer must be one that openapi.yaml
    /// lists.
    func send(
        _ method: HTTPRequest.Method, _ target: String, _ body: [UInt8]? = nil, fields: HTTPFields = [:]
    ) async throws -> Answer {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        let path = parts[0].dropFirst()
        let segments =
            try path.isEmpty
            ? [] : path.split(separator: "/", omittingEmptySubsequences: false).map { try #require($0.removingPercentEncoding) }
        let request = Request(
            method: method, target: Array(target.utf8), pathSegments: segments,
            queryItems: try (parts.count > 1 ? parts[1] : "").split(separator: "&").map { item in
                let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return QueryItem(
                    name: try #require(pair[0].removingPercentEncoding),
                    value: try #require(pair.dropFirst().first?.removingPercentEncoding ?? ""))
            },
            headerFields: fields,
            body: RequestBody(bytes: body ?? [], framing: body.map { .length($0.count) }))
        let answer = try await Answer(api.respond(to: request))
        try Contract.published.get().expect(answer, to: method, segments)
        return answer
    }

    func send(_ method: HTTPRequest.Method, _ target: String, json: String, fields: HTTPFields = [:]) async throws -> Answer {
        try await send(method, target, Array(json.utf8), fields: fields)
    }

    /// Makes a run and expects it to be new.
    func makeRun(_ name: String = "r", _ manifest: String = TestServer.manifest) async throws {
        try #require(try await send(.put, "/v1/runs/\(name)", json: manifest).status == 201)
    }

    /// A run of one matrix, one vector and a group.
    static let manifest = """
        {"optimizer": {"lr": 0.1}, "groups": {"slow": {"match": ["*.bias"], "lr": 0.01}},
         "parameters": [{"name": "w", "shape": [2, 3]}, {"name": "w.bias", "shape": [3]}]}
        """
    /// A run whose parameters come with its first steps.
    static let openManifest = #"{"optimizer": {"lr": 0.1}}"#

    /// Every bit of a run's state: its description and a checkpoint of all tensors.
    func snapshot(of run: String = "r") async throws -> [[UInt8]] {
        let description = try await send(.get, "/v1/runs/\(run)").bytes
        let made = try await send(.post, "/v1/runs/\(run)/checkpoints").json
        let step = try #require(made["step"]?.numberValue?.literal)
        let state = try await send(.get, "/v1/runs/\(run)/checkpoints/\(step)", fields: [.accept: "application/vnd.safetensors"])
        try #require(state.status == 200)
        return [description, state.bytes]
    }
}

/// Gives a server in a directory of its own, which goes away afterwards.
func withServer(
    token: String? = nil, memoryBudget: Int = 1 << 30, maximumBodyByteCount: Int = 1 << 20, _ body: (TestServer) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        try await body(
            TestServer(
                database: directory.appendingPathComponent("test.sqlite"), token: token, memoryBudget: memoryBudget,
                maximumBodyByteCount: maximumBodyByteCount))
    }
}

func withTemporaryDirectory<Value>(_ body: (URL) async throws -> Value) async throws -> Value {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("lather-api-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(directory)
}
