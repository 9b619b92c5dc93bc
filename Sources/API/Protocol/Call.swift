import HTTPServer
import HTTPTypes
import Memory
import Safetensors
import StrictJSON
import Training

/// One request to a resource: its path's parts, and the checks that every resource makes in the same way.
///
/// The order of checks is the order in which a client can mend them: path, query, `Accept`, `Content-Type`, and the body
/// last, so that nothing is transferred for a request that is refused anyway.
struct Call: Sendable {
    /// Bytes of JSON that a request may have.
    static let maximumJSONByteCount = 16 << 20
    /// Of a request whose JSON is a number or a label.
    static let smallJSONByteCount = 64 << 10
    /// Bytes of memory for a byte of JSON: at most 25, for lists of lists of a digit.
    static let jsonWeight = 32

    let request: Request
    let parts: PathParameters

    func path(_ name: String) -> String { parts[name] }

    var runName: RunName {
        get throws { try RunName(path("run")) }
    }

    var parameterName: TensorName {
        get throws {
            guard let name = TensorName(path("parameter")) else {
                throw HTTPError(
                    .notFound, "unknown-parameter", "A parameter's name has 1 to 512 bytes of UTF-8, no NUL, and is not \"__metadata__\".")
            }
            return name
        }
    }

    /// A step's number in the path: decimal, at least 1.
    var stepNumber: Int {
        get throws { try number("k", from: 1) }
    }

    func number(_ name: String, from lowest: Int) throws(HTTPError) -> Int {
        guard let number = Call.decimal(path(name)), number >= lowest else {
            throw HTTPError(
                .badRequest, "invalid-step-number", "A step is a decimal number from \(lowest) on, without sign or leading zeros.")
        }
        return number
    }

    /// The epoch that a write was made for, if it says so.
    ///
    /// It is the only condition there is on a write. Others are refused, because a client that sets one must not be led to believe
    /// that it was looked at (RFC 9110 section 13.1; for parts of a representation section 14.5).
    var epoch: Int? {
        get throws(HTTPError) {
            for name in [.ifMatch, .ifNoneMatch, .contentRange] as [HTTPField.Name] where !request.headerFields[values: name].isEmpty {
                throw HTTPError(
                    .badRequest, "unsupported-condition", "\(name) is not understood on writes, which Lather-Epoch fences. Leave it out.")
            }
            let values = request.headerFields[values: .latherEpoch]
            guard let text = values.first else { return nil }
            guard values.count == 1, let epoch = Call.decimal(text) else {
                throw HTTPError(.badRequest, "invalid-epoch", "Lather-Epoch is one decimal number.")
            }
            return epoch
        }
    }

    /// Digits only; numbers beyond Int become the largest one, which no run reaches.
    static func decimal(_ text: String) -> Int? {
        let digits = Array(text.utf8)
        guard !digits.isEmpty, digits.count <= 1000, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            digits[0] != 0x30 || digits.count == 1
        else { return nil }
        return Int(text) ?? .max
    }

    // MARK: Query and fields

    func refuseQuery() throws(HTTPError) {
        try Query(request).finish()
    }

    func stepInputs() throws(HTTPError) -> StepInputs {
        var query = try Query(request)
        let inputs = try query.takeStepInputs()
        try query.finish()
        return inputs
    }

    /// The answer's type: the best of `offered` that the client accepts.
    func accept(_ offered: [MediaType]) throws(HTTPError) -> MediaType {
        let accept = request.headerFields[values: .accept]
        guard let type = MediaType.negotiate(accept.isEmpty ? nil : accept.joined(separator: ","), offered) else {
            let names = offered.map(\.rawValue).joined(separator: ", ")
            throw HTTPError(.notAcceptable, "not-acceptable", "This resource answers with \(names).")
        }
        return type
    }

    /// Whether the client asks for a SHA-256 of the answer (RFC 9530).
    var wantsDigest: Bool {
        request.headerFields[values: .wantContentDigest].joined(separator: ",").split(separator: ",").contains { item in
            let parts = item.split(separator: "=").map { $0.filter { $0 != " " && $0 != "\t" } }
            return parts.count == 2 && parts[0].lowercased() == "sha-256" && Int(parts[1]) ?? 0 > 0
        }
    }

    // MARK: Body

    /// Refuses a request without a body, or with one of a type that is not in `types`; no type at all is the first of them.
    func requireBody(_ types: [MediaType]) throws(HTTPError) {
        guard request.body.framing != .none else {
            throw HTTPError(.lengthRequired, "length-required", "This request needs a body with Content-Length or chunked coding.")
        }
        let given = request.headerFields[values: .contentType]
        guard given.count <= 1, given.allSatisfy({ text in types.contains { $0.rawValue == MediaType.essence(text) } }) else {
            let names = types.map(\.rawValue).joined(separator: ", ")
            // RFC 5789 section 3.1 and RFC 9110 section 15.5.16.
            throw HTTPError(
                .unsupportedMediaType, "unsupported-media-type", "This resource takes \(names).",
                headerFields: [request.method == .patch ? .acceptPatch : .accept: names])
        }
        guard !request.headerFields.contains(.contentEncoding) else {
            throw HTTPError(
                .unsupportedMediaType, "unsupported-media-type", "Content codings are not taken; send the bytes as they are.",
                headerFields: [.acceptEncoding: "identity"])
        }
    }
}
