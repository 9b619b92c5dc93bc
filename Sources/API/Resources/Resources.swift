import Crypto
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
    /// The published contract, in memory once for all who read it, and its tag; nil when it is not installed.
    let contract: (bytes: BufferSlice, tag: EntityTag)?

    init(runs: Runs, configuration: Configuration) {
        self.runs = runs
        self.configuration = configuration
        contract = configuration.contractFile.flatMap { try? Data(contentsOf: $0) }.map { data in
            (BufferSlice(copying: Array(data)), EntityTag(digest: SHA256.hash(data: data)))
        }
    }

    /// The body of a request, held to the digest that the client says it has.
    ///
    /// - Parameter weight: see ``HTTPServer/RequestBody/collect(upTo:weight:)``.
    func body(_ call: Call, upTo limit: Int, weight: Int = 1) async throws -> AlignedBuffer {
        let digest = try ContentDigest(call.request)
        let body = try await call.request.body.collect(upTo: limit, weight: weight)
        if let digest { try await runs.offLoop { try digest.check(body) } }
        return body
    }

    /// The JSON of a request. Large ones take a while to read, so that is done off the event loop.
    func json(_ call: Call, type: MediaType = .json, upTo limit: Int = Call.maximumJSONByteCount) async throws -> JSONValue {
        try call.requireBody([type])
        return try await parsed(jsonBody(call, upTo: limit))
    }

    func jsonBody(_ call: Call, upTo limit: Int) async throws -> AlignedBuffer {
        try await body(call, upTo: min(limit, configuration.maximumBodyByteCount), weight: Call.jsonWeight)
    }

    func parsed(_ body: AlignedBuffer) async throws -> JSONValue {
        do {
            return try await runs.offLoop { try withExtendedLifetime(body) { try JSONValue(parsing: body.bytes) } }
        } catch let error as JSONError {
            throw HTTPError(.badRequest, "malformed-json", "The body is not valid JSON: \(error).")
        }
    }

    /// An answer of bytes that others may be tomorrow, under a tag that is made of them: it differs when they do, and survives
    /// restarts and restores that change nothing.
    ///
    /// - Complexity: O(bytes), about 1.5 GB/s, off the event loop; also for a part of them.
    func answer(_ slices: [BufferSlice], type: MediaType, hasParts: Bool = true, to call: Call) async throws -> Response {
        let tag = try await runs.offLoop {
            var hash = SHA256()
            for slice in slices { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: slice.buffer.bytes[slice.range])) }
            return EntityTag(digest: hash.finalize())
        }
        let byteCount = slices.reduce(0) { $0 + $1.count }
        return try call.request.answer(byteCount, tag: tag, fields: .tagged(type), hasParts: hasParts) { range in
            .buffers(BufferSlice.selecting(range, of: slices))
        }
    }

    /// An answer in JSON, which is written off the event loop for the same reason.
    func answer(_ value: JSONValue, type: MediaType, status: HTTPResponse.Status = .ok) async throws -> Response {
        try await runs.offLoop { Response.json(value, type: type, status: status) }
    }
}
