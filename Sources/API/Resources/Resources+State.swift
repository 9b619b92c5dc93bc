import HTTPServer
import HTTPTypes
import StrictJSON
import Training

extension Resources {
    /// `PUT /v1/runs/{run}/state`: the run goes on from this state.
    func putState(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let run = try runs.run(call.runName)
        let type = try call.accept([.json])
        let epoch = try call.epoch
        try call.requireBody([.safetensors, .bytes])
        try run.precheck(epoch: epoch)
        let body = try await body(call, upTo: configuration.maximumBodyByteCount)
        let description = try await run.importState(body, epoch: epoch)
        var response = try await answer(.object(description), type: type)
        response.headerFields[.latherEpoch] = description["epoch"]?.numberValue?.literal
        return response
    }
}
