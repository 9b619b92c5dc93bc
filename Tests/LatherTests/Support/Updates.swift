import StrictJSON

/// What a step answered.
struct Updates {
    let answer: HTTPAnswer
    let tensors: [NamedTensor]
    private let weightScales: JSONValue

    /// - Throws: if the step was refused.
    init(_ answer: HTTPAnswer) throws {
        guard answer.status == 200 else { throw answer.failure("a step") }
        let (tensors, metadata) = try [NamedTensor].decode(answer.body)
        self.answer = answer
        self.tensors = tensors
        weightScales = try JSONValue(parsing: Array((metadata["weight_scale"] ?? "{}").utf8))
    }

    /// The factor that a parameter's weights are multiplied by first.
    func weightScale(of name: String) -> Double {
        weightScales[name]?.numberValue?.double ?? 1
    }
}
