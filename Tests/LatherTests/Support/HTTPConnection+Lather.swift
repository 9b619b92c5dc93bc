import StrictJSON

extension HTTPConnection {
    /// Makes a run.
    func makeRun(_ run: String, _ manifest: JSONValue) throws {
        let answer = try request(
            "PUT", "/v1/runs/\(run)", fields: [("Content-Type", "application/json")], body: manifest.serialized())
        guard answer.status == 201 else { throw answer.failure("run \(run)") }
    }

    /// Sends the gradients of a step, encoded, and returns whatever comes back.
    func putStep(_ run: String, _ step: Int, _ body: [UInt8], query: String = "", epoch: Int? = nil) throws -> HTTPAnswer {
        try request("PUT", "/v1/runs/\(run)/steps/\(step)\(query)", fields: epochField(epoch), body: body)
    }

    /// Sends the gradients of a step and returns the updates.
    func step(_ run: String, _ step: Int, _ gradients: [NamedTensor], query: String = "") throws -> Updates {
        try Updates(putStep(run, step, gradients.encoded(), query: query))
    }

    /// Sends one parameter's gradient as a raw tensor.
    func putStep(_ run: String, _ step: Int, of tensor: NamedTensor, query: String = "", epoch: Int? = nil) throws -> HTTPAnswer {
        let body = tensor.elements.withUnsafeBytes { [UInt8]($0) }
        return try request(
            "PUT", "/v1/runs/\(run)/parameters/\(tensor.name)/steps/\(step)\(query)", fields: epochField(epoch), body: body)
    }

    /// Sends JSON, or nothing, to a path below a run; without a type, the body is of the type that the resource takes.
    func send(_ method: String, _ path: String, _ json: JSONValue? = nil, epoch: Int? = nil) throws -> HTTPAnswer {
        try request(method, "/v1/runs/\(path)", fields: epochField(epoch), body: json?.serialized())
    }

    func get(_ path: String) throws -> HTTPAnswer {
        try request("GET", path)
    }

    /// The whole state as a checkpoint of a step holds it.
    func download(_ run: String, checkpointAt step: Int) throws -> [UInt8] {
        let answer = try request("GET", "/v1/runs/\(run)/checkpoints/\(step)", fields: [("Accept", "application/vnd.safetensors")])
        guard answer.status == 200 else { throw answer.failure("the checkpoint of step \(step)") }
        return answer.body
    }

    private func epochField(_ epoch: Int?) -> [(String, String)] { epoch.map { [("Lather-Epoch", String($0))] } ?? [] }
}
