import HTTPServer
import HTTPTypes
import Safetensors
import StrictJSON
import Training

/// The query of a request, of which every item must be asked for: what is unknown or repeated is refused (400).
struct Query {
    private var items: [(name: String, value: String)]

    init(_ request: Request) throws(HTTPError) {
        items = request.queryItems.map { ($0.name, $0.value) }
        var names: Set<[UInt8]> = []
        for item in items where !names.insert(Array(item.name.utf8)).inserted {
            throw HTTPError(.badRequest, "repeated-query-parameter", "The query has \"\(item.name)\" more than once.")
        }
    }

    /// Takes an item out.
    mutating func take(_ name: String) -> String? {
        guard let index = items.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        return items.remove(at: index).value
    }

    /// Takes out every item whose name begins with `prefix`, without it.
    mutating func takeAll(prefix: String) -> [(name: String, value: String)] {
        func isWanted(_ name: String) -> Bool { name.utf8.starts(with: prefix.utf8) && name.utf8.count > prefix.utf8.count }
        let taken = items.filter { isWanted($0.name) }
        items.removeAll { isWanted($0.name) }
        return taken.map { (String(decoding: $0.name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self), $0.value) }
    }

    /// Refuses what nobody asked for.
    func finish() throws(HTTPError) {
        guard let item = items.first else { return }
        throw HTTPError(.badRequest, "unknown-query-parameter", "This resource has no query parameter \"\(item.name)\".")
    }

    /// What a step says beside its body: `lr`, `lr.GROUP`, `grad_scale`, `max_grad_norm`, `dtype`, `return`.
    mutating func takeStepInputs() throws(HTTPError) -> StepInputs {
        var inputs = StepInputs()
        inputs.learningRate = try takeNumber("lr")
        for (group, text) in takeAll(prefix: "lr.") {
            guard let name = TensorName(group) else { throw Query.invalid("lr.\(group)", text, "the name of a group after the dot") }
            inputs.groupLearningRates[name] = try Query.number("lr.\(group)", text)
        }
        inputs.gradScale = try takeNumber("grad_scale")
        inputs.maxGradNorm = try takeNumber("max_grad_norm")
        if let text = take("dtype") {
            guard let dtype = DType(rawValue: text) else { throw Query.invalid("dtype", text, "F32, F64, F16 or BF16") }
            inputs.dtype = dtype
        }
        if let text = take("return") {
            guard let returned = StepInputs.Returned(rawValue: text) else {
                throw Query.invalid("return", text, "updates, weights or none")
            }
            inputs.returned = returned
        }
        return inputs
    }

    private mutating func takeNumber(_ name: String) throws(HTTPError) -> Double? {
        guard let text = take(name) else { return nil }
        return try Query.number(name, text)
    }

    /// Takes a whole number of a range, written in digits.
    mutating func takeInteger(_ name: String, in range: ClosedRange<Int>) throws(HTTPError) -> Int? {
        guard let text = take(name) else { return nil }
        guard let number = Call.decimal(text), range.contains(number) else {
            let expected = range.upperBound == .max ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            throw Query.invalid(name, text, "a whole number \(expected)")
        }
        return number
    }

    /// A number as JSON writes it, so that no locale, sign or spelling of infinity slips in.
    private static func number(_ name: String, _ text: String) throws(HTTPError) -> Double {
        guard let number = JSONNumber(literal: text)?.double else { throw invalid(name, text, "a number such as 0.001 or 1e-3") }
        return number
    }

    static func invalid(_ name: String, _ got: String, _ expected: String) -> HTTPError {
        HTTPError(.badRequest, "invalid-query-parameter", "The query parameter \"\(name)\" must be \(expected), not \"\(got)\".")
    }
}
