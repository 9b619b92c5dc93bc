import StrictJSON
import Testing

/// The state of the parameter "w" of a run, read tensor by tensor as anybody can.
struct StateTensors {
    private let tensors: [String: [Float]]

    init(of run: String, over connection: HTTPConnection) throws {
        let path = "/v1/runs/\(run)/parameters/w/state"
        let list = try #require(connection.get(path).json["tensors"]?.arrayValue)
        var tensors: [String: [Float]] = [:]
        for name in list.compactMap({ $0["name"]?.stringValue }) where !name.hasPrefix("eigenvalues.") {
            let answer = try connection.request("GET", "\(path)/\(name)", fields: [("Accept", "application/vnd.safetensors")])
            guard answer.status == 200 else { throw answer.failure(name) }
            tensors[name] = try [NamedTensor].decode(answer.body).tensors.first { $0.name == "w.\(name)" }?.elements
        }
        self.tensors = tensors
    }

    var names: [String] { Array(tensors.keys) }

    subscript(name: String) -> [Float] {
        get throws { try #require(tensors[name]) }
    }

    /// The basis of a dimension; nil where it is not rotated.
    func basis(_ dimension: Int) -> [Float]? { tensors["basis.\(dimension)"] }
}
