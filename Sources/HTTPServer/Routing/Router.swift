public import HTTPTypes

/// Finds the handler for a method and a path.
///
/// Patterns are paths with placeholders for whole segments, such as `/v1/runs/{run}/steps/{k}`. They are matched with
/// percent-decoded segments, so `%2F` is part of a name. Literals are compared byte for byte.
public struct Router: RequestHandler {
    /// Answers one route's requests; what it throws goes to the router's `onError`.
    public typealias Handler = @Sendable (Request, PathParameters) async throws -> Response
    /// Answers paths that no pattern fits, or returns nil for 404.
    public typealias Fallback = @Sendable (Request) async -> Response?
    /// Makes an answer of what a handler threw.
    public typealias ErrorHandler = @Sendable (any Error, Request) -> Response

    /// A place in a path.
    private struct Node: Sendable {
        /// What may come next, and the node it leads to.
        var literals: [(segment: [UInt8], node: Int)] = []
        var placeholder: (name: String, node: Int)?
        var handlers: [HTTPRequest.Method: Handler] = [:]
        /// The pattern that ends here.
        var pattern: String?

        func next(_ segment: String) -> Int? {
            literals.first { $0.segment.elementsEqual(segment.utf8) }?.node
        }
    }

    /// The root first.
    private var nodes = [Node()]
    private var methods: Set<HTTPRequest.Method> = []
    private let onError: ErrorHandler
    private let fallback: Fallback

    public init(
        onError: @escaping ErrorHandler = { error, _ in Router.response(to: error) },
        fallback: @escaping Fallback = { _ in nil }
    ) {
        self.onError = onError
        self.fallback = fallback
    }

    /// Adds a route. HEAD is answered wherever GET is.
    ///
    /// - Precondition: the pattern begins with `/`; the route is new; a placeholder has no literal beside it and the same name
    ///   in every pattern. So a path fits one pattern at most.
    public mutating func on(_ method: HTTPRequest.Method, _ pattern: String, _ handler: @escaping Handler) {
        precondition(pattern.first == "/", "a pattern begins with /")
        let segments = pattern == "/" ? [] : pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        var place = 0
        for segment in segments { place = node(for: segment, after: place) }
        nodes[place].pattern = pattern
        precondition(nodes[place].handlers.updateValue(handler, forKey: method) == nil, "a route is added once")
        methods.insert(method)
    }

    private mutating func node(for segment: String, after place: Int) -> Int {
        let (node, new) = (nodes[place], nodes.count)
        if segment.hasPrefix("{"), segment.hasSuffix("}") {
            let name = String(segment.dropFirst().dropLast())
            precondition(node.literals.isEmpty && node.placeholder?.name ?? name == name, "a placeholder stands alone, with one name")
            if let known = node.placeholder { return known.node }
            nodes[place].placeholder = (name, new)
        } else {
            precondition(node.placeholder == nil, "a placeholder stands alone")
            if let known = node.next(segment) { return known }
            nodes[place].literals.append((Array(segment.utf8), new))
        }
        nodes.append(Node())
        return new
    }

    /// - Complexity: O(number of segments and of the literals that may stand where they do).
    public func respond(to request: Request) async -> Response {
        guard request.target != [UInt8(ascii: "*")] else { return Router.methodNotAllowed(allowed: methods) }
        guard let (place, parameters) = match(request.pathSegments) else {
            return await fallback(request) ?? Router.notFound
        }
        var response = await respond(to: request, nodes[place].handlers, parameters)
        response.route = nodes[place].pattern
        return response
    }

    /// The pattern that fits a request's path, if one does.
    ///
    /// - Complexity: O(number of segments and of the literals that may stand where they do).
    public func route(of request: Request) -> String? {
        match(request.pathSegments).flatMap { nodes[$0.place].pattern }
    }

    private func respond(
        to request: Request, _ handlers: [HTTPRequest.Method: Handler], _ parameters: PathParameters
    ) async -> Response {
        guard let handler = handlers[request.method] ?? (request.method == .head ? handlers[.get] : nil) else {
            return Router.methodNotAllowed(allowed: Set(handlers.keys))
        }
        do {
            return try await handler(request, parameters)
        } catch {
            return onError(error, request)
        }
    }

    private func match(_ segments: [String]) -> (place: Int, parameters: PathParameters)? {
        var place = 0
        var values: [(name: String, value: String)] = []
        for segment in segments {
            if let placeholder = nodes[place].placeholder {
                guard !segment.isEmpty else { return nil }
                values.append((placeholder.name, segment))
                place = placeholder.node
            } else if let next = nodes[place].next(segment) {
                place = next
            } else {
                return nil
            }
        }
        return nodes[place].handlers.isEmpty ? nil : (place, PathParameters(values))
    }

    /// An ``HTTPError``'s own answer; 500 for any other error, without its text, which may tell more than a client should know.
    public static func response(to error: any Error) -> Response {
        if let error = error as? HTTPError { return error.response }
        return HTTPError(.internalServerError, "internal-error", "The server failed to answer this request.").response
    }

    private static var notFound: Response {
        HTTPError(.notFound, "not-found", "There is nothing at this path.").response
    }

    /// RFC 9110 section 15.5.6: the answer names what the resource can do.
    private static func methodNotAllowed(allowed: Set<HTTPRequest.Method>) -> Response {
        var names = Set(allowed.map(\.rawValue))
        if allowed.contains(.get) { names.insert("HEAD") }
        let list = names.sorted().joined(separator: ", ")
        let detail = "The methods of this path are \(list)."
        return HTTPError(.methodNotAllowed, "method-not-allowed", detail, headerFields: [.allow: list]).response
    }
}
