import Memory
import SOAP
import Safetensors
import StrictJSON

/// The optimizer state of some parameters in one safetensors file, as this server exports it or as PyTorch trainers hold it.
///
/// What it says has been read; whether it fits a run is for ``StateImport`` to find out.
struct StateFile {
    let layout: StateFileLayout
    /// The step that the run stands at.
    let step: Int
    /// Which kind of step the run takes; nil leaves it to the next one.
    let level: Run.Level?
    let parameters: [StoredParameter]
    /// Keeps the memory alive that the tensors view.
    let body: AlignedBuffer

    /// - Throws: `malformed-body`, `layout-required`, `invalid-state`, `wrong-dtype` or `invalid-parameter-name`.
    init(reading body: AlignedBuffer) throws(TrainingError) {
        let file = try TensorFile(ofState: body)
        self.body = body
        layout = try StateFile.layout(of: file)
        let groups = try StateFile.group(file, layout)
        if layout == .lather {
            (parameters, step, level) = try StateFile.readOwn(file, groups)
        } else {
            parameters = try StateFile.readForeign(file, groups)
            // One that was left out of some steps stands behind, which only whole steps can have done.
            let steps = parameters.map(\.step)
            step = steps.max() ?? 0
            level = steps.allSatisfy { [step] in $0 == step } ? nil : .run
        }
        guard !parameters.isEmpty || (layout == .lather && level != .parameter) else {
            throw TrainingError(.invalidState, "The file holds the state of no parameter.")
        }
    }

    /// The tensors of one parameter.
    struct Group {
        let name: TensorName
        var tensors: [StateFileKey: TensorView] = [:]

        /// Those of the state itself.
        var state: [StateKey: TensorView] {
            Dictionary(
                uniqueKeysWithValues: tensors.compactMap { key, tensor in
                    if case .state(let key) = key { (key, tensor) } else { nil }
                })
        }
    }

    private static func layout(of file: TensorFile) throws(TrainingError) -> StateFileLayout {
        if file.metadata("format") == "lather" { return .lather }
        let known = StateFileLayout.foreign.map(\.rawValue)
        let choice = "Say whose state this is in the metadata's \"layout\": " + known.joined(separator: ", ") + "."
        if let name = file.metadata("layout") {
            guard let layout = StateFileLayout.foreign.first(where: { $0.rawValue == name }) else {
                throw TrainingError(
                    .layoutRequired, "There is no layout \"\(name)\". \(choice)",
                    [("got", .string(name)), ("known", .array(known.map { .string($0) }))])
            }
            return layout
        }
        // Only GG.0 and the like end in a digit, and three optimizers call their matrices that.
        guard !file.tensors.contains(where: { (0x30...0x39).contains($0.name.description.utf8.last ?? 0) }) else {
            throw TrainingError(
                .layoutRequired, "Lists of matrices, GG and Q, mean different things to different optimizers. \(choice)",
                [("known", .array(known.map { .string($0) }))])
        }
        return .emergingOptimizers
    }

    /// The tensors by parameter, in the order in which the file has them first.
    private static func group(_ file: TensorFile, _ layout: StateFileLayout) throws(TrainingError) -> [Group] {
        var groups: [Group] = []
        var positions: [TensorName: Int] = [:]
        for tensor in file.tensors {
            guard let (text, key) = StateFileKey.split(tensor.name.description, layout) else {
                throw TrainingError(
                    .invalidState, "\"\(tensor.name)\" is no tensor of state: its name is a parameter's, a dot, and what it is.",
                    [("tensor", .string(tensor.name.description))])
            }
            let name = try TensorName(parameter: text)
            guard key == .step || ElementConversion.supported.contains(tensor.dtype) else {
                throw TrainingError(
                    .wrongDType, "\"\(tensor.name)\" is \(tensor.dtype.rawValue); state is F32, F64, F16 or BF16.",
                    [
                        ("parameter", .string(text)), ("tensor", .string(tensor.name.description)),
                        ("got", .string(tensor.dtype.rawValue)),
                    ])
            }
            let position = positions[name] ?? groups.count
            if position == groups.count {
                groups.append(Group(name: name))
                positions[name] = position
            }
            // PyTorch trainers keep an empty matrix for a dimension that is not preconditioned.
            if tensor.bytes.isEmpty, layout != .lather, key.isMatrix { continue }
            if let other = groups[position].tensors.updateValue(tensor, forKey: key) {
                throw TrainingError.invalidState(name, tensor, "is the same as \"\(other.name)\"")
            }
        }
        return groups
    }
}

extension TensorFile {
    /// A file of state: whatever a checkpoint can be exported as can be read again.
    init(ofState body: AlignedBuffer) throws(TrainingError) {
        try self.init(
            reading: body, maximumHeaderByteCount: SafetensorsFile.maximumHeaderByteCount,
            maximumNameByteCount: 2 * TensorName.maximumByteCount)
    }
}

extension TrainingError {
    /// State that cannot be continued.
    ///
    /// - Parameters:
    ///   - tensor: what is at fault, where it is one tensor.
    ///   - reason: the rest of a sentence that begins with it, or else with the parameter.
    static func invalidState(_ parameter: TensorName, _ tensor: TensorView? = nil, _ reason: String) -> TrainingError {
        var fields: [(name: String, value: JSONValue)] = [("parameter", .string(parameter.description))]
        if let tensor { fields.append(("tensor", .string(tensor.name.description))) }
        return TrainingError(.invalidState, "\"\(tensor?.name ?? parameter)\" \(reason).", fields)
    }

    /// A parameter, or one of its tensors, of another shape than the run's.
    static func wrongShape(_ parameter: TensorName, _ tensor: TensorView? = nil, expected: [Int], got: [Int]) -> TrainingError {
        var fields: [(name: String, value: JSONValue)] = [("parameter", .string(parameter.description))]
        if let tensor { fields.append(("tensor", .string(tensor.name.description))) }
        fields += [("expected", Manifest.json(expected)), ("got", Manifest.json(got))]
        return TrainingError(.wrongShape, "\"\(tensor?.name ?? parameter)\" should have the shape \(expected), not \(got).", fields)
    }
}
