import Foundation
import HTTPServer
import HTTPTypes
import Memory
import StrictJSON
import Training

/// What the routes lead to; the extensions hold the resources by kind.
struct Resources: Sendable {
    let runs: Runs
    let configuration: Configuration
    let meter = StepTraffic()
    /// The published contract, in memory once for all who read it; nil when it is not installed.
    let contract: BufferSlice?

    init(runs: Runs, configuration: Configuration) {
        self.runs = runs
        self.configuration = configuration
        contract = configuration.contractFile.flatMap { try? Data(contentsOf: $0) }.map { data in
            let buffer = AlignedBuffer(count: data.count)
            buffer.mutableBytes.copyBytes(from: data)
            return BufferSlice(buffer)
        }
    }

    /// The body of a request, held to the digest that the client says it has.
    func body(_ call: Call, upTo limit: Int) async throws -> AlignedBuffer {
        let digest = try ContentDigest(call.request)
        let body = try await call.request.body.collect(upTo: limit)
        if let digest { try await runs.offLoop { try digest.check(body) } }
        return body
    }

    /// The JSON of a request. Large ones take a while to read, so that is done off the event loop.
    func json(_ call: Call, type: MediaType = .json) async throws -> JSONValue {
        try call.requireBody([type])
        let body = try await body(call, upTo: min(Call.maximumJSONByteCount, configuration.maximumBodyByteCount))
        do {
            return try await runs.offLoop { try withExtendedLifetime(body) { try JSONValue(parsing: body.bytes) } }
        } catch let error as JSONError {
            throw HTTPError(.badRequest, "malformed-json", "The body is not valid JSON: \(error).")
        }
    }

    /// An answer in JSON, which is written off the event loop for the same reason.
    func answer(_ value: JSONValue, type: MediaType, status: HTTPResponse.Status = .ok) async throws -> Response {
        try await runs.offLoop { Response.json(value, type: type, status: status) }
    }
}
