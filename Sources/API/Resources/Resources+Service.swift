import HTTPServer
import HTTPTypes
import StrictJSON
import Training

extension Resources {
    /// `GET /v1`: versions, limits, dtypes.
    func getService(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json])
        return try await answer(
            [
                "name": "lather", "version": .string(configuration.version), "api_version": "v1",
                "sqlite_version": .string(EngineFacts.sqliteVersion), "schema_version": JSONValue(EngineFacts.schemaVersion),
                "blas": ["library": .string(EngineFacts.blasVersion), "kernels": .string(EngineFacts.blasKernels)],
                "low_precision_kernels": .string(EngineFacts.lowPrecisionKernels),
                "compute_threads": JSONValue(configuration.threadCount),
                "limits": limits,
                "dtypes": ["F32", "F64", "F16", "BF16"],
            ], type: type)
    }

    private var limits: JSONValue {
        let server = configuration.server
        func seconds(_ duration: Duration) -> JSONValue { JSONValue(Int(duration / .seconds(1))) }
        return [
            "max_body_bytes": JSONValue(configuration.maximumBodyByteCount),
            "max_json_bytes": JSONValue(min(Call.maximumJSONByteCount, configuration.maximumBodyByteCount)),
            "max_bytes_in_flight": JSONValue(server.maximumBodyBytesInFlight),
            "max_head_bytes": JSONValue(server.head.bytes), "max_head_fields": JSONValue(server.head.fields),
            "max_request_line_bytes": JSONValue(server.head.requestLineBytes),
            "max_connections": JSONValue(server.maximumConnections),
            "max_connections_per_address": JSONValue(server.maximumConnectionsPerAddress),
            "max_event_streams": JSONValue(server.maximumEventStreams),
            "head_timeout_seconds": seconds(server.headTimeout), "idle_timeout_seconds": seconds(server.keepAliveTimeout),
            "transfer_timeout_seconds": seconds(server.receiving.grace),
            "min_transfer_bytes_per_second": JSONValue(server.receiving.minimumBytesPerSecond),
            "max_transfer_seconds": seconds(server.receiving.longest),
            "memory_budget_bytes": JSONValue(runs.ledger.budget), "state_bytes": JSONValue(runs.ledger.reservedByteCount),
        ]
    }

    /// `GET /healthz/live`: the process answers.
    func getLive(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        _ = try call.accept([.json])
        return Resources.live
    }

    /// Probes ask often, and it never changes.
    private static let live = Response.json(["status": "live"], type: .json)

    /// `GET /healthz/ready`: requests are served, and the database takes writes.
    func getReady(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json])
        _ = try runs.list()
        try await runs.checkStorage()
        return try await answer(["status": "ready"], type: type)
    }

    /// `GET /openapi.yaml`: the published contract.
    func getContract(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.yaml])
        guard let contract else {
            throw HTTPError(.notFound, "not-found", "This server was installed without its openapi.yaml.")
        }
        return try call.request.answer(contract.bytes.count, tag: contract.tag, fields: .tagged(type), hasParts: false) { _ in
            .buffers([contract.bytes])
        }
    }
}
