import HTTPServer
import HTTPTypes
import Safetensors
import StrictJSON
import Training

extension Resources {
    /// `GET /v1/runs/{run}/parameters`
    func listParameters(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json])
        return try await answer(["parameters": try await runs.run(call.runName).parameterDescriptions()], type: type)
    }

    /// `GET /v1/runs/{run}/parameters/{parameter}`
    func getParameter(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json])
        return try await answer(.object(try await runs.run(call.runName).parameterDescription(call.parameterName)), type: type)
    }

    /// `GET /v1/runs/{run}/parameters/{parameter}/state`
    func listState(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json])
        return try await answer(["tensors": try await runs.run(call.runName).stateList(of: call.parameterName)], type: type)
    }

    /// `GET /v1/runs/{run}/parameters/{parameter}/state/{tensor}`: NumPy's format, or safetensors with one tensor.
    func getStateTensor(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.npy, .safetensors, .bytes])
        let key = call.path("tensor")
        let parameter = try call.parameterName
        let tensor = try await runs.run(call.runName).stateTensor(key, of: parameter)
        let header: [UInt8]
        if type == .safetensors {
            guard let name = TensorName("\(parameter).\(key)", maximumByteCount: 1024) else {
                throw HTTPError(.internalServerError, "internal-error", "The tensor has no name.")
            }
            header = try SafetensorsLayout([TensorSpec(name: name, dtype: .f32, shape: tensor.shape)]).header
        } else {
            header = NPYHeader(dtype: .f32, shape: tensor.shape)?.bytes ?? []
        }
        return try await answer([BufferSlice(copying: header), BufferSlice(tensor.values)], type: type, to: call)
    }

    /// `PUT /v1/runs/{run}/weights`
    func putWeights(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let run = try runs.run(call.runName)
        let epoch = try call.epoch
        try call.requireBody([.safetensors, .bytes])
        try run.precheck(epoch: epoch)
        let body = try await body(call, upTo: configuration.maximumBodyByteCount)
        try await run.hostWeights(body, epoch: epoch)
        return Response(status: .noContent)
    }

    /// `GET /v1/runs/{run}/weights`
    func getWeights(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.safetensors, .bytes])
        let weights = try await runs.run(call.runName).weights()
        return try await answer([BufferSlice(weights)], type: type, to: call)
    }
}
