import HTTPServer
import HTTPTypes

extension Resources {
    /// A method of a path, and the resource that answers it.
    struct Route: Sendable {
        let method: HTTPRequest.Method
        /// As in `openapi.yaml`: a placeholder stands for one whole segment.
        let pattern: String
        let resource: @Sendable (Resources) -> @Sendable (Call) async throws -> Response

        init(
            _ method: HTTPRequest.Method, _ pattern: String,
            _ resource: @escaping @Sendable (Resources) -> @Sendable (Call) async throws -> Response
        ) {
            self.method = method
            self.pattern = pattern
            self.resource = resource
        }
    }

    /// Where steps are sent.
    static let stepRoutes: Set<String> = [
        "/v1/runs/{run}/steps", "/v1/runs/{run}/steps/{k}", "/v1/runs/{run}/parameters/{parameter}/steps/{k}",
    ]

    /// Everything there is besides the dashboard's files.
    static let routes = [
        Route(.get, "/v1", getService),
        Route(.get, "/v1/runs", listRuns),
        Route(.put, "/v1/runs/{run}", putRun),
        Route(.get, "/v1/runs/{run}", getRun),
        Route(.patch, "/v1/runs/{run}", patchRun),
        Route(.delete, "/v1/runs/{run}", deleteRun),
        Route(.post, "/v1/runs/{run}/steps", postStep),
        Route(.put, "/v1/runs/{run}/steps/{k}", putStep),
        Route(.get, "/v1/runs/{run}/parameters", listParameters),
        Route(.get, "/v1/runs/{run}/parameters/{parameter}", getParameter),
        Route(.put, "/v1/runs/{run}/parameters/{parameter}/steps/{k}", putParameterStep),
        Route(.get, "/v1/runs/{run}/parameters/{parameter}/state", listState),
        Route(.get, "/v1/runs/{run}/parameters/{parameter}/state/{tensor}", getStateTensor),
        Route(.put, "/v1/runs/{run}/weights", putWeights),
        Route(.get, "/v1/runs/{run}/weights", getWeights),
        Route(.put, "/v1/runs/{run}/state", putState),
        Route(.post, "/v1/runs/{run}/checkpoints", postCheckpoint),
        Route(.get, "/v1/runs/{run}/checkpoints", listCheckpoints),
        Route(.get, "/v1/runs/{run}/checkpoints/{step}", getCheckpoint),
        Route(.delete, "/v1/runs/{run}/checkpoints/{step}", deleteCheckpoint),
        Route(.post, "/v1/runs/{run}/restore", postRestore),
        Route(.get, "/v1/runs/{run}/history", getHistory),
        Route(.get, "/v1/runs/{run}/events", getEvents),
        Route(.get, "/healthz/live", getLive),
        Route(.get, "/healthz/ready", getReady),
        Route(.get, "/metrics", getMetrics),
        Route(.get, "/openapi.yaml", getContract),
    ]
}
