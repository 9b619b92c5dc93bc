import HTTPTypes
import Safetensors
import Testing

@testable import API

/// Tags, conditions and ranges of the resources that are bytes.
struct PartTests {
    private static let tensor = "/v1/runs/r/parameters/w/state/exp_avg"
    private static let file: HTTPFields = [.accept: "application/vnd.safetensors"]
    private static let resources: [(String, HTTPFields)] = [
        (tensor, [:]), (tensor, file), ("/v1/runs/r/checkpoints/1", file), ("/v1/runs/r/weights", [:]),
    ]

    private func withTrainedServer(_ body: (TestServer) async throws -> Void) async throws {
        try await withServer { server in
            try await server.makeRun()
            try #require(try await server.send(.put, "/v1/runs/r/weights", weights()).status == 204)
            try #require(try await server.send(.put, "/v1/runs/r/steps/1", gradients(1)).status == 200)
            try #require(try await server.send(.post, "/v1/runs/r/checkpoints").status == 201)
            try await body(server)
        }
    }

    @Test(arguments: resources.indices) func aResourceComesWholeInPartsOrNotAtAll(index: Int) async throws {
        let (path, fields) = PartTests.resources[index]
        try await withTrainedServer { server in
            let whole = try await server.send(.get, path, fields: fields)
            #expect(whole.status == 200)
            #expect(whole.fields[.acceptRanges] == "bytes")
            #expect(whole.fields[.vary] == "Accept")
            #expect(whole.fields[.cacheControl] == "no-cache")
            let tag = try #require(whole.fields[.eTag])
            #expect(tag.wholeMatch(of: /"[0-9a-f]{32}"/) != nil)

            func get(_ name: HTTPField.Name, _ value: String, method: HTTPRequest.Method = .get) async throws -> Answer {
                var fields = fields
                fields[name] = value
                return try await server.send(method, path, fields: fields)
            }
            let known = try await get(.ifNoneMatch, "W/\(tag)")
            #expect(known.status == 304 && known.bytes.isEmpty && known.fields[.eTag] == tag && known.fields[.vary] == "Accept")
            #expect(try await get(.ifMatch, tag).bytes == whole.bytes)
            #expect(try await get(.ifMatch, #""other""#).outcome == "412 precondition-failed")

            // Every cut at the ends, and some in the middle.
            let count = whole.bytes.count
            for cut in Array(1...8) + Array(stride(from: 9, to: count - 8, by: 37)) + Array(count - 8..<count) {
                let head = try await get(.range, "bytes=0-\(cut - 1)")
                let tail = try await get(.range, "bytes=\(cut)-")
                #expect(head.status == 206 && tail.status == 206)
                #expect(head.fields[.contentRange] == "bytes 0-\(cut - 1)/\(count)")
                #expect(tail.fields[.contentType] == whole.fields[.contentType])
                #expect(head.bytes + tail.bytes == whole.bytes)
            }
            #expect(try await get(.range, "bytes=\(count / 2)-\(count / 2)").bytes == [whole.bytes[count / 2]])
            let beyond = try await get(.range, "bytes=\(count)-")
            #expect(beyond.outcome == "416 range-not-satisfiable")
            #expect(beyond.fields[.contentRange] == "bytes */\(count)")
            #expect(try await get(.range, "bytes=0-1,3-4").bytes == whole.bytes)
            let asked = try await get(.range, "bytes=0-1", method: .head)
            #expect(asked.status == 200 && asked.fields[.eTag] == tag)
        }
    }

    @Test(arguments: ["/v1/runs/r/checkpoints/1", "/openapi.yaml"]) func aTextHasATagAndNoParts(path: String) async throws {
        try await withTrainedServer { server in
            let whole = try await server.send(.get, path)
            let tag = try #require(whole.fields[.eTag])
            #expect(whole.fields[.acceptRanges] == nil)
            #expect(whole.fields[.vary] == "Accept")
            #expect(try await server.send(.get, path, fields: [.ifNoneMatch: tag]).status == 304)
            #expect(try await server.send(.get, path, fields: [.ifMatch: #""other""#]).outcome == "412 precondition-failed")
            let asked = try await server.send(.get, path, fields: [.range: "bytes=0-1"])
            #expect(asked.status == 200 && asked.bytes == whole.bytes)
        }
    }

    /// A tag names bytes: it changes with them, and comes back with them.
    @Test func aTagChangesWithTheBytesAndOnlyThen() async throws {
        try await withTrainedServer { server in
            func tag(_ path: String = PartTests.tensor, _ fields: HTTPFields = [:]) async throws -> String {
                try #require(try await server.send(.get, path, fields: fields).fields[.eTag])
            }
            let first = try await tag()
            #expect(try await tag() == first)
            #expect(try await tag(PartTests.tensor, PartTests.file) != first)
            #expect(try await tag(PartTests.tensor, [.accept: "application/octet-stream"]) == first)
            #expect(try await tag("/v1/runs/r/parameters/w/state/exp_avg_sq") != first)
            let checkpoint = try await tag("/v1/runs/r/checkpoints/1", PartTests.file)
            #expect(try await tag("/v1/runs/r/checkpoints/1") != checkpoint)
            _ = try await server.send(.put, "/v1/runs/r/steps/2", gradients(2))
            #expect(try await tag() != first)
            #expect(try await tag("/v1/runs/r/checkpoints/1", PartTests.file) == checkpoint)
            let stale = try await server.send(.get, PartTests.tensor, fields: [.range: "bytes=0-1", .ifRange: first])
            #expect(stale.status == 200)
            #expect(try await server.send(.post, "/v1/runs/r/restore", json: #"{"step": 1}"#).status == 200)
            #expect(try await tag() == first)
            #expect(try await server.send(.get, PartTests.tensor, fields: [.range: "bytes=0-1", .ifRange: first]).status == 206)
        }
    }
}
