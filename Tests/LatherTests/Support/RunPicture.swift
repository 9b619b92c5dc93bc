import StrictJSON
import Testing

/// What a run shows of itself: where it stands and every tensor it has, bit for bit. Looking changes nothing.
struct RunPicture: Equatable {
    let step: Int
    let durableStep: Int
    let epoch: Int
    /// The optimizer's options and the policy.
    let settings: [JSONValue]
    /// How often each parameter has been stepped.
    let counts: [String: Int]
    /// State and hosted weights.
    let tensors: [String: [UInt8]]

    init(of run: String, over connection: HTTPConnection) throws {
        let path = "/v1/runs/\(run)"
        let status = try connection.get(path).json
        func integer(_ name: String) throws -> Int { try #require(status[name]?.numberValue?.integer) }
        (step, durableStep, epoch) = (try integer("step"), try integer("durable_step"), try integer("epoch"))
        settings = try ["optimizer", "groups", "policy"].map { try #require(status[$0]) }
        var counts: [String: Int] = [:]
        var tensors: [String: [UInt8]] = [:]
        for parameter in try #require(connection.get("\(path)/parameters").json["parameters"]?.arrayValue) {
            let name = try #require(parameter["name"]?.stringValue)
            counts[name] = parameter["step"]?.numberValue?.integer
            let below = "\(path)/parameters/\(name)/state"
            for tensor in try #require(connection.get(below).json["tensors"]?.arrayValue) {
                let key = try #require(tensor["name"]?.stringValue)
                let answer = try connection.get("\(below)/\(key)")
                guard answer.status == 200 else { throw answer.failure(key) }
                tensors["\(name) \(key)"] = answer.body
            }
        }
        let weights = try connection.get("\(path)/weights")
        if weights.status == 200 { tensors["weights"] = weights.body }
        self.counts = counts
        self.tensors = tensors
    }
}
