import HTTPServer
import HTTPTypes
import Memory
import Safetensors
import StrictJSON
import Testing

@testable import API

/// An answer as a client sees it, its body read to the end.
struct Answer {
    let status: Int
    let fields: HTTPFields
    let bytes: [UInt8]
    let isRoutine: Bool

    init(_ response: Response) async throws {
        isRoutine = response.isRoutine
        status = response.status.code
        fields = response.headerFields
        switch response.body {
        case .empty: bytes = []
        case .bytes(let content): bytes = content
        case .buffers(let slices): bytes = slices.flatMap { $0.buffer.bytes[$0.range] }
        case .events(let source):
            // Those there are, a line each.
            bytes = (source.take() ?? []).flatMap { Array("\($0.id ?? "") \($0.name ?? "") \($0.data)\n".utf8) }
        case .stream(let length, let next):
            var content: [UInt8] = []
            while let piece = try await next() {
                switch piece {
                case .bytes(let bytes): content += bytes
                case .buffer(let slice): content += slice.buffer.bytes[slice.range]
                }
            }
            try #require(length == nil || length == content.count)
            bytes = content
        }
    }

    var json: JSONValue {
        get throws { try JSONValue(parsing: bytes) }
    }

    /// The slug of a problem; nil when the answer is none, or is not a whole one.
    var problem: String? {
        guard fields[.contentType] == "application/problem+json", let json = try? json,
            json["status"]?.numberValue?.integer == status, json["title"]?.stringValue?.isEmpty == false,
            json["detail"]?.stringValue?.isEmpty == false, let type = json["type"]?.stringValue, type.hasPrefix("urn:lather:problem:")
        else { return nil }
        return String(type.dropFirst("urn:lather:problem:".count))
    }

    /// Status and problem together, as tables of expectations write them: `"409 run-exists"`, `"200"`.
    var outcome: String { problem.map { "\(status) \($0)" } ?? "\(status)" }

    /// The tensors of a safetensors body in their order, with their bytes.
    var tensors: [TestTensor] {
        get throws { try TestTensor.reading(bytes) }
    }
}
