import SOAP
import Safetensors
import StrictJSON

extension Manifest {
    /// This manifest with a merge patch (RFC 7396) applied: optimizer options, groups' options and policy, where a null brings
    /// the default back.
    ///
    /// - Throws: ``TrainingError`` naming what is wrong, or what cannot change any more: everything that decides which
    ///   parameters there are, whose options they take, and what state they have.
    func patched(with patch: JSONValue) throws(TrainingError) -> Manifest {
        guard case .object(let members) = patch else {
            throw TrainingError(.invalidManifest, "A patch is a JSON object with optimizer, groups or policy.")
        }
        if members["parameters"] != nil {
            throw .notTunable("parameters", "The list of parameters is fixed when a run is made")
        }
        let patched = try Manifest(JSONValue.object(json).merged(with: patch), patching: self)
        for entry in OptionTable.entries where !entry.isTunable {
            guard settings.shown[entry.name] == patched.settings.shown[entry.name] else {
                throw .notTunable(entry.name, "The option \"\(entry.name)\" decides what state there is")
            }
        }
        guard groups.map(\.name) == patched.groups.map(\.name) else {
            throw .notTunable("groups", "Groups can be neither added nor removed")
        }
        for (old, new) in zip(groups, patched.groups) {
            guard old.patterns == new.patterns else {
                throw .notTunable("match", "The parameters of the group \"\(old.name)\" are fixed", group: old.name)
            }
            for entry in OptionTable.entries where !entry.isTunable {
                guard old.settings.shown[entry.name] == new.settings.shown[entry.name] else {
                    throw .notTunable(
                        entry.name, "The option \"\(entry.name)\" of the group \"\(old.name)\" decides what state there is", group: old.name
                    )
                }
            }
        }
        return patched
    }
}

extension TrainingError {
    /// A patch of what cannot change while a run goes on.
    fileprivate static func notTunable(_ option: String, _ reason: String, group: TensorName? = nil) -> TrainingError {
        var fields: [(name: String, value: JSONValue)] = [("option", .string(option))]
        if let group { fields.append(("group", .string(group.description))) }
        return TrainingError(.optionNotTunable, "\(reason); make another run to change that.", fields)
    }
}
