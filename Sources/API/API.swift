public import HTTPServer
import HTTPTypes
public import Logging
public import Training

/// The resources of Lather: HTTP on one side, ``Training/Runs`` on the other.
public struct API: RequestHandler {
    private let token: BearerToken?
    private let dashboard: Dashboard?
    private let router: Router
    private let steps: StepTraffic

    /// - Parameter logger: hears of failures that are nobody's request's fault.
    public init(runs: Runs, configuration: Configuration, logger: Logger) {
        let dashboard = configuration.publicDirectory.map(Dashboard.init)
        var router = Router(
            onError: { error, request in
                switch error {
                case let error as TrainingError: return error.response
                case let error as HTTPError: return error.response
                default:
                    logger.error("request failed", metadata: ["request_id": "\(request.id)", "reason": "\(error)"])
                    return Router.response(to: error)
                }
            },
            fallback: { request in dashboard?.response(to: request) })
        let resources = Resources(runs: runs, configuration: configuration)
        for route in Resources.routes {
            let answer = route.resource(resources)
            router.on(route.method, route.pattern) { request, parts in try await answer(Call(request: request, parts: parts)) }
        }
        self.token = configuration.token.map(BearerToken.init)
        self.dashboard = dashboard
        self.router = router
        steps = resources.meter
        ProcessFacts.prepare()
    }

    /// Probes and the dashboard's own files are for everyone, everything else is for those who hold the token.
    public func respond(to request: Request) async -> Response {
        var response = await guarded(request)
        // Probes ask while the server starts and stops too, of which the log tells anyway.
        response.isRoutine = API.isProbe(request)
        if let problem = response.problem, let route = response.route, Resources.stepRoutes.contains(route),
            response.status != .methodNotAllowed
        {
            steps.noteRejected(problem)
        }
        return response
    }

    private func guarded(_ request: Request) async -> Response {
        if let token, !API.isProbe(request), let refusal = token.refusal(of: request) {
            return dashboard?.response(to: request) ?? response(to: request, refusal)
        }
        if let refusal = BrowserGuard.refusal(of: request, trustsHost: token != nil) { return response(to: request, refusal) }
        return await router.respond(to: request)
    }

    private static func isProbe(_ request: Request) -> Bool { request.pathSegments.first == "healthz" }

    private func response(to request: Request, _ refusal: HTTPError) -> Response {
        var response = refusal.response
        response.route = router.route(of: request)
        return response
    }
}
