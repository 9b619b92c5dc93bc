import Foundation
public import HTTPServer
import HTTPTypes
public import Logging
import StrictJSON
public import Training

/// The resources of Lather: HTTP on one side, ``Training/Runs`` on the other.
public struct API: RequestHandler {
    let runs: Runs
    let configuration: Configuration
    private let token: BearerToken?
    private let router: Router

    /// - Parameter logger: hears of failures that are nobody's request's fault.
    public init(runs: Runs, configuration: Configuration, logger: Logger) {
        self.runs = runs
        self.configuration = configuration
        token = configuration.token.map(BearerToken.init)
        let files = configuration.publicDirectory.map { StaticFiles(directory: $0.path) }
        var router = Router(
            onError: { error, request in
                switch error {
                case let error as TrainingError: return error.response
                case let error as HTTPError: return error.response
                default:
                    logger.error("request failed", metadata: ["request": "\(request.id)", "reason": "\(error)"])
                    return Router.response(to: error)
                }
            },
            fallback: { request in files?.response(for: request) })
        API.addRoutes(to: &router, runs, configuration)
        self.router = router
    }

    private init(runs: Runs, configuration: Configuration) {
        self.runs = runs
        self.configuration = configuration
        token = nil
        router = Router()
    }

    public func respond(to request: Request) async -> Response {
        if let token, API.needsToken(request), let refusal = token.refusal(of: request) { return refusal.response }
        return await router.respond(to: request)
    }

    /// Probes and the dashboard's own files are for everyone; the dashboard asks for the token itself.
    private static func needsToken(_ request: Request) -> Bool {
        guard let first = request.pathSegments.first else { return false }
        return first == "v1" || first == "openapi.yaml" || first == "metrics"
    }

    /// Every route of the contract that exists.
    private static func addRoutes(to router: inout Router, _ runs: Runs, _ configuration: Configuration) {
        let api = API(runs: runs, configuration: configuration)
        let routes: [(HTTPRequest.Method, String, @Sendable (Call) async throws -> Response)] = [
            (.get, "/v1", api.getService),
            (.get, "/v1/runs", api.listRuns),
            (.put, "/v1/runs/{run}", api.putRun),
            (.get, "/v1/runs/{run}", api.getRun),
            (.delete, "/v1/runs/{run}", api.deleteRun),
            (.post, "/v1/runs/{run}/steps", api.postStep),
            (.put, "/v1/runs/{run}/steps/{k}", api.putStep),
            (.get, "/v1/runs/{run}/parameters", api.listParameters),
            (.get, "/v1/runs/{run}/parameters/{parameter}", api.getParameter),
            (.put, "/v1/runs/{run}/parameters/{parameter}/steps/{k}", api.putParameterStep),
            (.get, "/v1/runs/{run}/parameters/{parameter}/state", api.listState),
            (.get, "/v1/runs/{run}/parameters/{parameter}/state/{tensor}", api.getStateTensor),
            (.put, "/v1/runs/{run}/weights", api.putWeights),
            (.get, "/v1/runs/{run}/weights", api.getWeights),
            (.post, "/v1/runs/{run}/checkpoints", api.postCheckpoint),
            (.get, "/v1/runs/{run}/checkpoints", api.listCheckpoints),
            (.get, "/v1/runs/{run}/checkpoints/{step}", api.getCheckpoint),
            (.get, "/healthz/live", api.getLive),
            (.get, "/healthz/ready", api.getReady),
            (.get, "/openapi.yaml", api.getContract),
        ]
        for (method, pattern, resource) in routes {
            router.on(method, pattern) { request, parts in try await resource(Call(request: request, parts: parts)) }
        }
    }

    /// The `Content-Digest` field (RFC 9530).
    static func contentDigest(_ sha256: [UInt8]) -> String {
        "sha-256=:\(Data(sha256).base64EncodedString()):"
    }
}
