import SOAP
import Safetensors
import StrictJSON

extension StateFile {
    /// What a checkpoint of this server says: the tensors, and everything else in the metadata's `state`.
    static func readOwn(
        _ file: TensorFile, _ groups: [Group]
    ) throws(TrainingError) -> (parameters: [StoredParameter], step: Int, level: Run.Level?) {
        let version = file.metadata("version") ?? "none"
        guard version == "1" else {
            throw TrainingError(
                .invalidState, "The file has the version \(version); this server reads version 1.", [("got", .string(version))])
        }
        guard let metadata = file.stateMetadata, let entries = metadata["parameters"]?.arrayValue,
            let step = wholeNumber(file.metadata("step").flatMap(JSONNumber.init(literal:))), let levelName = metadata["level"]
        else { throw unreadable }
        let level = levelName.stringValue.flatMap { Run.Level(rawValue: $0) }
        guard level != nil || levelName.isNull else { throw unreadable }

        // One that only a later version understands says nothing here.
        let manifest = metadata["manifest"].flatMap { try? Manifest($0, isStored: true) }
        var waiting = Dictionary(uniqueKeysWithValues: groups.map { ($0.name, $0) })
        var parameters: [StoredParameter] = []
        for entry in entries {
            guard let text = entry["name"]?.stringValue, let sizes = entry["shape"]?.arrayValue,
                let applied = wholeNumber(entry["step"]?.numberValue), let number = wholeNumber(entry["number"]?.numberValue)
            else { throw unreadable }
            let name = try TensorName(parameter: text)
            let shape = sizes.compactMap(\.integer)
            guard shape.count == sizes.count, let group = waiting.removeValue(forKey: name) else {
                throw TrainingError.invalidState(name, nil, "is named twice or without its tensors")
            }
            // A step may have skipped it, but none was applied that was not counted.
            let last = level == .parameter ? number : step
            guard last >= applied else {
                throw TrainingError.invalidState(name, nil, "stands at step \(last), after \(applied) steps")
            }
            parameters.append(
                StoredParameter(
                    name: name, shape: shape, step: applied, number: number, lastRefreshStep: entry["last_refresh_step"]?.integer,
                    tensors: group.state, weights: group.tensors[.weights],
                    lastStep: TrainedParameter.StepFigures(entry["last_step"]),
                    usesKLShampoo: manifest.map { manifest in
                        let group = entry["group"]?.stringValue.flatMap { TensorName($0) }.flatMap { manifest.group(of: name, naming: $0) }
                        return (group?.settings ?? manifest.settings).options.useKLShampoo
                    }))
        }
        if let stranger = waiting.keys.first {
            throw TrainingError.invalidState(stranger, nil, "has tensors, but the metadata does not name it")
        }
        // At parameter level the slowest parameter decides.
        let smallest = parameters.map(\.number).min() ?? 0
        return (parameters, level == .parameter ? smallest : step, level)
    }

    /// A count that any run could have reached.
    private static func wholeNumber(_ number: JSONNumber?) -> Int? {
        number?.integer.flatMap { (0...StoredParameter.largestStep).contains($0) ? $0 : nil }
    }

    private static var unreadable: TrainingError {
        TrainingError(.invalidState, "The file's metadata are not those of a checkpoint of this server.")
    }
}

extension TensorFile {
    /// What a checkpoint of this server says beside its tensors.
    var stateMetadata: JSONValue? {
        metadata("state").flatMap { try? JSONValue(parsing: Array($0.utf8)) }
    }
}
