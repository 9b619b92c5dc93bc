import Foundation
import HTTPTypes
import StrictJSON
import Testing

@testable import API

/// openapi.yaml as far as it can be compared with the server.
struct Contract: Sendable {
    struct Operation: Sendable {
        let id: String
        let method: HTTPRequest.Method
        /// With placeholders for whole segments.
        let path: String
        /// By place: `query` or `header`.
        let parameters: [(name: String, place: String)]
        let responses: [Int: Response]

        func names(in place: String) -> Set<String> { Set(parameters.filter { $0.place == place }.map(\.name)) }
    }

    struct Response: Sendable {
        /// Types of content; none when there is no content.
        let types: Set<String>
        /// Header fields besides `Content-Type`, and whether the answer always has them.
        let headers: [String: Bool]
        /// Slugs of problems.
        let problems: Set<String>
    }

    let operations: [Operation]

    static let published: Result<Contract, any Error> = Result {
        try Contract(YAML.read(String(contentsOf: TestServer.contractFile, encoding: .utf8)))
    }

    private init(_ root: JSONValue) throws {
        func resolved(_ value: JSONValue) throws -> JSONValue {
            guard let reference = value["$ref"]?.stringValue else { return value }
            var target = root
            for name in reference.split(separator: "/").dropFirst() { target = try #require(target[String(name)], "\(reference)") }
            return try resolved(target)
        }
        func list(_ value: JSONValue?) throws -> [JSONValue] { try (value?.arrayValue ?? []).map(resolved) }
        func response(_ value: JSONValue) throws -> Response {
            let content = value["content"]?.objectValue ?? [:]
            // Beside the schema of all problems stands the list of those that this answer can be.
            let types = content.flatMap { _, body in
                (body["schema"]?["allOf"]?.arrayValue ?? []).flatMap { $0["properties"]?["type"]?["enum"]?.arrayValue ?? [] }
            }
            var headers: [String: Bool] = [:]
            for (name, header) in value["headers"]?.objectValue ?? [:] { headers[name] = try resolved(header)["required"] == true }
            let slugs = types.compactMap { $0.stringValue?.split(separator: ":").last.map(String.init) }
            return Response(types: Set(content.map(\.name)), headers: headers, problems: Set(slugs))
        }
        var operations: [Operation] = []
        for (path, item) in try #require(root["paths"]?.objectValue) {
            let shared = try list(item["parameters"])
            for (name, operation) in item.objectValue ?? [:] where name != "parameters" {
                var responses: [Int: Response] = [:]
                for (status, value) in try #require(operation["responses"]?.objectValue) {
                    responses[try #require(Int(status))] = try response(resolved(value))
                }
                let parameters = try (shared + list(operation["parameters"])).map {
                    (try #require($0["name"]?.stringValue), try #require($0["in"]?.stringValue))
                }
                operations.append(
                    Operation(
                        id: try #require(operation["operationId"]?.stringValue), method: try #require(.init(name.uppercased())), path: path,
                        parameters: parameters, responses: responses))
            }
        }
        self.operations = operations
    }

    /// The operation that a request is for, HEAD counted as GET; nil for methods and paths that do not exist.
    func operation(_ method: HTTPRequest.Method, _ segments: [String]) -> Operation? {
        operations.first { operation in
            let pattern = operation.path.split(separator: "/")
            return operation.method == (method == .head ? .get : method) && pattern.count == segments.count
                && zip(pattern, segments).allSatisfy { pattern, segment in
                    pattern.hasPrefix("{") ? !segment.isEmpty : pattern.utf8.elementsEqual(segment.utf8)
                }
        }
    }

    /// Fields that any answer with content may have.
    private static let general: Set<String> = ["content-type"]

    /// Records an issue unless the answer is one that the contract lists: its status, type, problem and header fields.
    func expect(_ answer: Answer, to method: HTTPRequest.Method, _ segments: [String]) {
        guard let operation = operation(method, segments) else { return }
        let what: Comment = "\(operation.id): \(answer.outcome)"
        guard let response = operation.responses[answer.status] else {
            Issue.record("\(what) is not in openapi.yaml")
            return
        }
        if let problem = answer.problem { #expect(response.problems.contains(problem), what) }
        if let type = answer.fields[.contentType] {
            #expect(response.types.contains(MediaType.essence(type)), "\(what), \(type)")
        } else {
            #expect(response.types.isEmpty, what)
        }
        let listed = Set(response.headers.keys.map { $0.lowercased() })
        let given = Set(answer.fields.map { $0.name.canonicalName })
        #expect(given.subtracting(listed).subtracting(Contract.general) == [], what)
        #expect(Set(response.headers.filter(\.value).keys.map { $0.lowercased() }).subtracting(given) == [], what)
    }
}
