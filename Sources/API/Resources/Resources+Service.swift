import Foundation
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
                "compute_threads": JSONValue(configuration.threadCount),
                "limits": [
                    "max_body_bytes": JSONValue(configuration.maximumBodyByteCount),
                    "max_json_bytes": JSONValue(min(Call.maximumJSONByteCount, configuration.maximumBodyByteCount)),
                    "memory_budget_bytes": JSONValue(runs.ledger.budget), "state_bytes": JSONValue(runs.ledger.reservedByteCount),
                ],
                "dtypes": ["F32", "F64", "F16", "BF16"],
            ], type: type)
    }

    /// `GET /healthz/live`: the process answers.
    func getLive(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        return .json(["status": "live"], type: .json)
    }

    /// `GET /healthz/ready`: requests are served, and the database takes writes.
    func getReady(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        _ = try runs.list()
        try await runs.checkStorage()
        return try await answer(["status": "ready"], type: .json)
    }

    /// `GET /openapi.yaml`: the published contract.
    func getContract(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.yaml])
        guard let file = configuration.contractFile,
            let bytes = try? await runs.offLoop({ try Array(Data(contentsOf: file)) })
        else {
            throw HTTPError(.notFound, "not-found", "This server was installed without its openapi.yaml.")
        }
        return Response(status: .ok, headerFields: [.contentType: type.rawValue], body: .bytes(bytes))
    }
}
