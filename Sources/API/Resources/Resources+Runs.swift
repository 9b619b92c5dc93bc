import HTTPServer
import HTTPTypes
import StrictJSON
import Training

extension Resources {
    /// `GET /v1/runs`
    func listRuns(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json])
        let runs = try runs.list().map { JSONValue.object($0.json) }
        return try await answer(["runs": .array(runs)], type: type)
    }

    /// `PUT /v1/runs/{run}`
    func putRun(_ call: Call) async throws -> Response {
        let name = try call.runName
        try call.refuseQuery()
        let type = try call.accept([.json])
        let epoch = try call.epoch
        let (run, isNew) = try await runs.make(name, manifest: json(call), epoch: epoch)
        // Somebody may delete it at once; it was made all the same.
        let description = (try? await run.description()) ?? run.status.json
        var response = try await answer(.object(description), type: type, status: isNew ? .created : .ok)
        if isNew { response.headerFields[.location] = "/v1/runs/\(name)" }
        response.headerFields[.latherEpoch] = String(run.status.epoch)
        return response
    }

    /// `GET /v1/runs/{run}`
    func getRun(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json])
        let run = try runs.run(call.runName)
        let status = run.status.isInDoubt ? try await run.settledStatus() : run.status
        var response = try await answer(.object(status.json), type: type)
        response.headerFields[.latherEpoch] = String(status.epoch)
        return response
    }

    /// `PATCH /v1/runs/{run}`
    func patchRun(_ call: Call) async throws -> Response {
        let run = try runs.run(call.runName)
        try call.refuseQuery()
        let type = try call.accept([.json])
        let epoch = try call.epoch
        try run.precheck(epoch: epoch)
        let status = try await run.patch(json(call, type: .mergePatch), epoch: epoch)
        var response = try await answer(.object(status.json), type: type)
        response.headerFields[.latherEpoch] = String(status.epoch)
        return response
    }

    /// `DELETE /v1/runs/{run}`
    func deleteRun(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        try await runs.delete(call.runName, epoch: call.epoch)
        return Response(status: .noContent)
    }
}
