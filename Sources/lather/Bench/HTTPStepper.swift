import Memory
import StrictJSON
import Training

/// A run on a server, and a trainer that sends it steps.
struct HTTPStepper {
    private let client: LoopbackClient
    private let path: String

    /// Makes the run.
    init(_ measured: StepCase, durability: Policy.Durability, name: String, client: LoopbackClient) throws(Failure) {
        self.client = client
        path = "/v1/runs/\(name)"
        let parameters = measured.workload.shapes.enumerated().map { index, shape -> JSONValue in
            ["name": .string("p\(index)"), "shape": .array(shape.map { JSONValue($0) })]
        }
        let manifest: JSONValue = [
            "optimizer": ["lr": 0.001, "precondition_frequency": JSONValue(measured.frequency)],
            "parameters": .array(parameters),
            "policy": ["durability": .string(durability.rawValue)],
        ]
        try client.request("PUT", path, type: "application/json", body: AlignedBuffer(manifest.serialized())).expect(201)
    }

    /// Sends a step's gradients and takes the updates.
    func step(_ number: Int, _ gradients: NoiseGradients) throws(Failure) -> PhaseTimes {
        let answer = try client.request(
            "PUT", "\(path)/steps/\(number)", type: "application/vnd.safetensors", body: gradients.body)
        try answer.expect(200)
        guard let phases = answer.field("Server-Timing").flatMap({ PhaseTimes(serverTiming: $0) }) else {
            throw Failure(.failed, "an answer to a step does not say how long its phases took")
        }
        return phases
    }

    func deleteRun() throws(Failure) {
        try client.request("DELETE", path).expect(204)
    }
}
