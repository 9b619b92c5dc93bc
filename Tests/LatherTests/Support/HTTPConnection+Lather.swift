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
        try request("PUT", "/v1/runs/\(run)/steps/\(step)\(query)", fields: epoch.map { [("Lather-Epoch", String($0))] } ?? [], body: body)
    }

    /// Sends the gradients of a step and returns the updates.
    func step(_ run: String, _ step: Int, _ gradients: [NamedTensor], query: String = "") throws -> Updates {
        try Updates(putStep(run, step, gradients.encoded(), query: query))
    }

    func get(_ path: String) throws -> HTTPAnswer {
        try request("GET", path)
    }
}
