import Foundation
import HTTPTypes
import StrictJSON
import Testing

@testable import API

/// openapi.yaml lists nothing that does not exist. That everything which exists is in it, ``TestServer`` sees at each of its answers.
struct ContractTests {
    /// Statuses that the connection answers with, which WireTests provoke, and those of a damaged or full disk, which are the business of
    /// the durability tests.
    private static let ofOthers: Set<Int> = [408, 414, 417, 431, 500, 501, 505, 507]

    /// A request that is granted, with the body it needs.
    struct Granted: CustomTestStringConvertible, Sendable {
        let operation: Contract.Operation
        let path: String
        let body: [UInt8]?
        var testDescription: String { operation.id }

        init(_ operation: Contract.Operation) throws {
            self.operation = operation
            let run = operation.id == "putParameterStep" ? "p" : "r"
            let checkpoint = operation.id == "deleteCheckpoint" ? "0" : "1"
            path = operation.path.replacing("{run}", with: run).replacing("{parameter}", with: "w").replacing("{k}", with: "2")
                .replacing("{tensor}", with: "exp_avg").replacing("{step}", with: checkpoint)
            body =
                switch operation.id {
                case "putRun": Array(TestServer.manifest.utf8)
                case "patchRun", "postCheckpoint": Array("{}".utf8)
                case "putStep", "postStep": try gradients(2)
                case "putParameterStep": [UInt8](repeating: 0, count: 24)
                case "putWeights": try weights()
                case "postRestore": Array(#"{"step": 1}"#.utf8)
                default: nil
                }
        }
    }

    /// A server with a run, its weights, a step and two checkpoints, and a run of single parameters' steps.
    private func withTrainedServer(_ body: (TestServer, _ state: [UInt8]) async throws -> Void) async throws {
        try await withServer(maximumBodyByteCount: 4000) { server in
            for run in ["r", "p"] { try await server.makeRun(run) }
            _ = try await server.send(.put, "/v1/runs/r/weights", weights())
            _ = try await server.send(.post, "/v1/runs/r/checkpoints")
            try #require(try await server.send(.put, "/v1/runs/r/steps/1", gradients(1)).status == 200)
            try #require(
                try await server.send(.put, "/v1/runs/p/parameters/w/steps/1", [UInt8](repeating: 0, count: 24)).status == 200)
            _ = try await server.send(.post, "/v1/runs/r/checkpoints")
            let state = try await server.send(.get, "/v1/runs/r/checkpoints/1", fields: [.accept: "application/vnd.safetensors"])
            try await body(server, state.bytes)
        }
    }

    private func send(
        _ granted: Granted, _ server: TestServer, _ state: [UInt8], query: String = "", fields: HTTPFields = [:]
    ) async throws -> Answer {
        let body = granted.operation.id == "putState" ? state : granted.body
        return try await server.send(granted.operation.method, granted.path + query, body, fields: fields)
    }

    static func operations() throws -> [Granted] {
        // The dashboard's files are not installed in these servers.
        try Contract.published.get().operations.filter { $0.path != "/" }.map(Granted.init)
    }

    @Test(arguments: try operations()) func everyStatusThatIsListedComes(granted: Granted) async throws {
        let listed = Set(granted.operation.responses.keys).subtracting(ContractTests.ofOthers)
        var seen: Set<Int> = []
        // What is refused changes nothing, so one server serves for all of it.
        try await withTrainedServer { server, state in
            for status in listed.filter({ $0 >= 300 }).sorted() {
                if try await provoke(status, granted, server, state) { seen.insert(status) }
            }
        }
        for status in listed.filter({ $0 < 300 }) {
            try await withTrainedServer { server, state in
                if try await answer(status, granted, server, state).status == status { seen.insert(status) }
            }
        }
        #expect(listed.subtracting(seen) == [], "\(granted.operation.id)")
    }

    /// Whether an operation can be brought to refuse a request with a status.
    private func provoke(_ status: Int, _ granted: Granted, _ server: TestServer, _ state: [UInt8]) async throws -> Bool {
        let operation = granted.operation
        var answered = -1
        switch status {
        case 401:
            try await withServer(token: "secret") { answered = try await $0.send(operation.method, granted.path).status }
        case 413 where granted.body == nil && operation.id != "putState",
            503 where !operation.path.hasPrefix("/v1/runs") && operation.id != "getReady":
            // The connection answers so, to a length that is announced in vain and when there are too many, before any resource.
            return true
        case 503:
            try await withTemporaryDirectory { directory in
                let server = try await TestServer(database: directory.appendingPathComponent("test.sqlite"), isRecovered: false)
                answered = try await send(granted, server, weights()).status
            }
        default:
            answered = try await self.answer(status, granted, server, state).status
        }
        return answered == status
    }

    private func answer(_ status: Int, _ granted: Granted, _ server: TestServer, _ state: [UInt8]) async throws -> Answer {
        let operation = granted.operation
        func plain(_ query: String = "", _ fields: HTTPFields = [:]) async throws -> Answer {
            try await send(granted, server, state, query: query, fields: fields)
        }
        func with(_ body: [UInt8]?, path: String? = nil) async throws -> Answer {
            try await server.send(operation.method, path ?? granted.path, body)
        }
        switch status {
        case 201 where operation.id == "putRun": return try await with(granted.body, path: "/v1/runs/new")
        case 204 where operation.responses[200] != nil: return try await plain("?return=none")
        case 206: return try await plain("", [.range: "bytes=0-0", .accept: "*/*;q=0.1, application/vnd.safetensors"])
        case 304: return try await plain("", [.ifNoneMatch: "*"])
        case 400: return try await plain("?nonsense=1")
        case 403: return try await plain("", [.secFetchSite: "cross-site"])
        case 404 where operation.id == "getContract": return try await withoutContract(operation)
        case 404: return try await with(try granted.body ?? gradients(1), path: granted.path.replacing(/runs\/[rp]/, with: "runs/none"))
        case 406: return try await plain("", [.accept: "text/html"])
        case 409 where operation.id == "deleteCheckpoint": return try await with(nil, path: "/v1/runs/r/checkpoints/1")
        case 409: return try await plain("", [.latherEpoch: "7"])
        case 411: return try await with(nil)
        case 412: return try await plain("", [.ifMatch: #""other""#])
        case 413: return try await with([UInt8](repeating: 0, count: 4001))
        case 415: return try await plain("", [.contentType: "text/plain"])
        case 416: return try await plain("", [.range: "bytes=100000-", .accept: "*/*;q=0.1, application/vnd.safetensors"])
        case 422: return try await with(Array("[]".utf8), path: operation.id == "putRun" ? "/v1/runs/new" : nil)
        default: return try await plain()
        }
    }

    private func withoutContract(_ operation: Contract.Operation) async throws -> Answer {
        try await withTemporaryDirectory { directory in
            try await TestServer(database: directory.appendingPathComponent("test.sqlite"), contractFile: nil).send(.get, operation.path)
        }
    }

    // MARK: Queries and header fields

    /// What the source of the API holds; the only place that reads requests.
    private func sources() throws -> String {
        let directory = TestServer.contractFile.deletingLastPathComponent().appendingPathComponent("Sources/API")
        let files = try #require(FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil))
        var text = ""
        for case let url as URL in files where url.pathExtension == "swift" { text += try String(contentsOf: url, encoding: .utf8) }
        return text
    }

    @Test func exactlyTheListedQueryParametersAreTaken() async throws {
        let granted = try ContractTests.operations()
        // One name stands for a family of them.
        let families = ["groupRates": "lr.slow"]
        let listed = Set(granted.flatMap { $0.operation.names(in: "query") }.map { families[$0] ?? $0 })
        let read = try sources().matches(of: /take(?:Number|Integer|All)?\((?:prefix: )?"([a-z_.]+)"[,)]/).map { String($0.output.1) }
        #expect(Set(read) == Set(listed.map { $0.replacing("lr.slow", with: "lr.") }))
        for granted in granted {
            let own = Set(granted.operation.names(in: "query").map { families[$0] ?? $0 })
            // What is refused changes nothing; what is not comes last.
            try await withTrainedServer { server, state in
                for name in listed.union(["nonsense"]).sorted(by: { !own.contains($0) && own.contains($1) }) {
                    let answer = try await send(granted, server, state, query: "?\(name)=1")
                    #expect((answer.problem == "unknown-query-parameter") == !own.contains(name), "\(granted.operation.id) \(name)")
                }
            }
        }
    }

    /// Each field in a request that shows by its answer whether it was read.
    private typealias Probe = (name: String, fields: HTTPFields, isRead: @Sendable (Answer) -> Bool)
    private static let probes: [Probe] = [
        ("Lather-Epoch", [.latherEpoch: "x"], { $0.problem == "invalid-epoch" }),
        ("Content-Digest", [.contentDigest: "x"], { $0.problem == "invalid-content-digest" }),
        ("Want-Content-Digest", [.wantContentDigest: "sha-256=1"], { $0.fields[.contentDigest] != nil }),
        ("Last-Event-ID", [.lastEventID: "x"], { $0.problem == "invalid-event-id" }),
        ("If-Match", [.ifMatch: #""other""#], { $0.status == 412 }),
        ("If-None-Match", [.ifNoneMatch: "*"], { $0.status == 304 }),
        ("Range", [.range: "bytes=0-0", .accept: "*/*;q=0.1, application/vnd.safetensors"], { $0.status == 206 }),
        (
            "If-Range",
            [.range: "bytes=0-0", .ifRange: #""other""#, .accept: "*/*;q=0.1, application/vnd.safetensors"],
            { $0.status == 200 && $0.fields[.acceptRanges] != nil }
        ),
    ]
    /// Fields that OpenAPI has other places for than parameters, and those that a browser sets and nobody else.
    private static let unlisted: Set<String> = [
        "accept", "authorization", "contentType", "contentEncoding", "host", "origin", "secFetchSite",
    ]

    @Test(arguments: try operations()) func exactlyTheListedHeaderFieldsAreRead(granted: Granted) async throws {
        func check(_ probe: Probe, _ server: TestServer, _ state: [UInt8]) async throws {
            let answer = try await send(granted, server, state, fields: probe.fields)
            let isListed = granted.operation.names(in: "header").contains(probe.name)
            #expect(probe.isRead(answer) == isListed, "\(granted.operation.id) \(probe.name)")
        }
        if granted.operation.method == .get {
            try await withTrainedServer { server, state in
                for probe in ContractTests.probes { try await check(probe, server, state) }
            }
        } else {
            for probe in ContractTests.probes {
                try await withTrainedServer { server, state in try await check(probe, server, state) }
            }
        }
    }

    @Test func everyHeaderFieldThatIsReadHasItsProbe() throws {
        let probed = Set(ContractTests.probes.map(\.name))
        #expect(Set(try ContractTests.operations().flatMap { $0.operation.names(in: "header") }) == probed)
        let read = try sources().matches(of: /headerFields(?:\[values: |\.contains\()\.([A-Za-z]+)/).map { String($0.output.1) }
        let names = [
            "latherEpoch": "Lather-Epoch", "contentDigest": "Content-Digest", "wantContentDigest": "Want-Content-Digest",
            "lastEventID": "Last-Event-ID",
        ]
        #expect(Set(read).subtracting(ContractTests.unlisted).allSatisfy { names[$0].map(probed.contains) ?? false })
    }
}
