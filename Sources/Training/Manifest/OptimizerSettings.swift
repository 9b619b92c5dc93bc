import SOAP
import StrictJSON

/// Options for some parameters: as the optimizer takes them, and as people wrote them.
struct OptimizerSettings: Sendable {
    private(set) var options: SOAPOptions
    /// Every option by its documented name, as given or by default, in the order of the documentation.
    private(set) var shown: JSONObject
    /// Whether these settings name their own learning rate (a group that does is not touched by a step's `lr`).
    private(set) var setsLearningRate: Bool

    /// The `optimizer` object of a manifest.
    init(optimizer object: JSONObject) throws(TrainingError) {
        options = SOAPOptions(learningRate: 0)
        shown = JSONObject()
        setsLearningRate = true
        for (name, _) in object where OptionTable.entry(name) == nil {
            throw TrainingError(
                .unknownOption, "The optimizer has no option named \"\(name)\".",
                [("option", .string(name)), ("known", .array(OptionTable.entries.map { .string($0.name) }))])
        }
        for entry in OptionTable.entries {
            guard let value = object[entry.name] ?? entry.defaultValue else {
                throw TrainingError(.invalidOption, "The option \"\(entry.name)\" is required.", [("option", .string(entry.name))])
            }
            try apply(entry, value)
        }
        try validate()
    }

    /// A group: `base` with the group's own options over it.
    init(group object: JSONObject, named group: String, over base: OptimizerSettings) throws(TrainingError) {
        self = base
        setsLearningRate = false
        for (name, value) in object {
            guard let entry = OptionTable.entry(name) else {
                throw TrainingError(
                    .unknownOption, "The group \"\(group)\" has an option named \"\(name)\", which the optimizer does not have.",
                    [("option", .string(name)), ("group", .string(group))])
            }
            guard entry.isAllowedInGroups else {
                throw TrainingError(
                    .invalidOption, "The option \"\(name)\" holds for the whole run; set it in \"optimizer\", not in a group.",
                    [("option", .string(name)), ("group", .string(group))])
            }
            try apply(entry, value)
            if name == "lr" { setsLearningRate = true }
        }
        try validate()
    }

    private mutating func apply(_ entry: OptionTable.Entry, _ value: JSONValue) throws(TrainingError) {
        if let expected = entry.read(value, &options) {
            throw TrainingError(
                .invalidOption, "The option \"\(entry.name)\" must be \(expected.description).",
                [("option", .string(entry.name)), ("expected", .string(expected.description)), ("got", value)])
        }
        shown[entry.name] = value
    }

    private func validate() throws(TrainingError) {
        do {
            try options.validate()
        } catch {
            throw TrainingError(error, got: shown[error.option])
        }
    }
}

extension TrainingError {
    /// An option that the optimizer refuses, for its value or for the shape of a parameter.
    init(_ error: SOAPOptionError, got value: JSONValue?, parameter: String? = nil) {
        var fields: [(name: String, value: JSONValue)] = [("option", .string(error.option))]
        if let value { fields.append(("got", value)) }
        if let parameter { fields.append(("parameter", .string(parameter))) }
        self.init(.invalidOption, "The option \"\(error.option)\" \(error.reason).", fields)
    }
}
