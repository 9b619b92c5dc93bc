import SOAP
import Safetensors
import StrictJSON

extension Manifest {
    /// Reads and checks a manifest.
    ///
    /// - Parameters:
    ///   - isStored: whether it was taken before, when it may have been bounded otherwise.
    ///   - unpatched: what it is a patched version of. Parameters stay in the groups that they are in; nothing is matched, and nobody may
    ///     use it when globs turn out to be others.
    /// - Throws: ``TrainingError`` naming the member, option, parameter or group that is wrong.
    /// - Complexity: O(manifest), and globs × names, in bytes at worst (``largestMatching``).
    init(_ json: JSONValue, isStored: Bool = false, patching unpatched: Manifest? = nil) throws(TrainingError) {
        let object = try Manifest.object(json, "The manifest")
        for (name, _) in object where !["optimizer", "parameters", "groups", "policy"].contains(name) {
            throw TrainingError(
                .invalidManifest, "A manifest has no member named \"\(name)\"; it has optimizer, parameters, groups and policy.",
                [("member", .string(name))])
        }
        guard let optimizer = object["optimizer"] else {
            throw TrainingError(
                .invalidManifest, "The manifest needs an \"optimizer\" with at least its \"lr\".", [("member", "optimizer")])
        }
        self.json = object
        settings = try OptimizerSettings(optimizer: Manifest.object(optimizer, "\"optimizer\""))
        policy =
            try object["policy"].map { (value) throws(TrainingError) in
                try Policy(Manifest.object(value, "\"policy\""))
            } ?? Policy()
        groups = try Manifest.groups(object["groups"], over: settings)
        parameters = try Manifest.parameters(object["parameters"], groups: groups)
        if let unpatched {
            groupIndices = Manifest.haveSameGlobs(groups, unpatched.groups) ? unpatched.groupIndices : []
        } else {
            if !isStored { try Manifest.checkExtent(object, groups, parameters) }
            groupIndices = Manifest.groupIndices(of: parameters ?? [], in: groups)
        }
        for (parameter, group) in listed {
            try Manifest.check(parameter.shape, of: parameter.name, (group?.settings ?? settings).options)
        }
    }

    /// Groups a manifest may have at most.
    static let maximumGroupCount = 1_000
    /// Bytes that a manifest may have at most beside its parameters: what it takes of memory no budget counts.
    static let maximumByteCount = 256 << 10
    /// Globs times names that they are held against, both by bytes and ``matchingOverhead``: 1e10 take some ten seconds at worst.
    private static let largestMatching = 1e10
    /// What a glob or a name costs beside its bytes, in bytes.
    private static let matchingOverhead = 32

    /// Refuses what would take very long to match, or memory that no budget counts.
    private static func checkExtent(_ json: JSONObject, _ groups: [Group], _ parameters: [Parameter]?) throws(TrainingError) {
        func refusal(_ what: String) -> TrainingError { TrainingError(.invalidManifest, what, [("member", "groups")]) }
        guard groups.count <= maximumGroupCount else {
            throw refusal("The manifest has \(groups.count) groups; the limit is \(maximumGroupCount).")
        }
        var others = json
        others["parameters"] = nil
        let byteCount = JSONValue.object(others).serialized().count
        guard byteCount <= maximumByteCount else {
            throw refusal("Beside its parameters the manifest has \(byteCount) bytes; the limit is \(maximumByteCount).")
        }
        guard canMatch((parameters ?? []).lazy.filter { $0.group == nil }.map(\.name), in: groups) else {
            throw refusal("So many globs take too long to be held against so many names; let each parameter name its group.")
        }
    }

    /// Whether holding these names against the globs takes a time that may be waited for.
    static func canMatch(_ names: some Sequence<TensorName>, in groups: [Group]) -> Bool {
        guard !groups.isEmpty else { return true }
        let globs = groups.reduce(0) { $0 + $1.patterns.reduce(0) { $0 + $1.byteCount + matchingOverhead } }
        let bytes = names.reduce(0) { $0 + $1.description.utf8.count + matchingOverhead }
        return Double(globs) * Double(bytes) <= largestMatching
    }

    static func haveSameGlobs(_ some: [Group], _ others: [Group]) -> Bool {
        some.elementsEqual(others) { $0.name == $1.name && $0.patterns == $1.patterns }
    }

    /// Refuses a shape that these options, or any machine, cannot take.
    static func check(_ shape: [Int], of name: TensorName, _ options: SOAPOptions) throws(TrainingError) {
        guard shape.count <= maximumRank else {
            throw TrainingError(
                .wrongShape, "\"\(name)\" has \(shape.count) dimensions; the limit is \(maximumRank).",
                [("parameter", .string(name.description))])
        }
        guard shape.allSatisfy({ $0 > 0 }) else {
            throw TrainingError(
                .wrongShape, "\"\(name)\" has the shape \(shape); every size must be at least 1.",
                [("parameter", .string(name.description)), ("got", Manifest.json(shape))])
        }
        guard let byteCount = DType.f32.byteCount(ofShape: shape), byteCount / DType.f32.byteCount <= SOAPOptions.largestElementCount else {
            throw TrainingError(
                .wrongShape, "\"\(name)\" has more than \(SOAPOptions.largestElementCount) elements.",
                [("parameter", .string(name.description)), ("got", Manifest.json(shape))])
        }
        do {
            try options.validate(shape: shape)
        } catch {
            throw TrainingError(error, got: nil, parameter: name.description)
        }
    }

    /// Dimensions a parameter may have at most.
    static let maximumRank = 32

    static func json(_ shape: [Int]) -> JSONValue {
        .array(shape.map { JSONValue($0) })
    }

    private static func object(_ json: JSONValue, _ what: String) throws(TrainingError) -> JSONObject {
        guard case .object(let object) = json else {
            throw TrainingError(.invalidManifest, "\(what) must be a JSON object.")
        }
        return object
    }

    private static func groups(_ json: JSONValue?, over base: OptimizerSettings) throws(TrainingError) -> [Group] {
        guard let json else { return [] }
        var groups: [Group] = []
        for (name, value) in try object(json, "\"groups\"") {
            guard let groupName = TensorName(name) else {
                throw TrainingError(
                    .invalidManifest, "A group's name has 1 to 512 bytes of UTF-8, no NUL, and is not \"__metadata__\".",
                    [("group", .string(name))])
            }
            let shown = try object(value, "The group \"\(name)\"")
            var options = shown
            options["match"] = nil
            groups.append(
                Group(
                    name: groupName, patterns: try patterns(shown["match"], of: name),
                    settings: try OptimizerSettings(group: options, named: name, over: base), shown: shown))
        }
        return groups
    }

    private static func patterns(_ json: JSONValue?, of group: String) throws(TrainingError) -> [Glob] {
        guard let json else { return [] }
        guard case .array(let values) = json else {
            throw TrainingError(
                .invalidManifest, "The \"match\" of the group \"\(group)\" must be a list of globs.", [("group", .string(group))])
        }
        var patterns: [Glob] = []
        for value in values {
            guard case .string(let pattern) = value else {
                throw TrainingError(.invalidManifest, "A glob of the group \"\(group)\" is not a string.", [("group", .string(group))])
            }
            patterns.append(Glob(pattern))
        }
        return patterns
    }

    private static func parameters(_ json: JSONValue?, groups: [Group]) throws(TrainingError) -> [Parameter]? {
        guard let json else { return nil }
        guard case .array(let values) = json else {
            throw TrainingError(.invalidManifest, "\"parameters\" must be a list.", [("member", "parameters")])
        }
        guard !values.isEmpty else {
            throw TrainingError(
                .invalidManifest, "\"parameters\" is empty, so no step could ever be taken; leave it out to let steps register parameters.",
                [("member", "parameters")])
        }
        var parameters: [Parameter] = []
        var names: Set<TensorName> = []
        for (index, value) in values.enumerated() {
            let parameter = try self.parameter(object(value, "Entry \(index) of \"parameters\""), at: index)
            guard names.insert(parameter.name).inserted else {
                throw TrainingError(
                    .invalidManifest, "The parameter \"\(parameter.name)\" is listed twice.",
                    [("parameter", .string(parameter.name.description))])
            }
            if let group = parameter.group, !groups.contains(where: { $0.name == group }) {
                throw TrainingError(
                    .invalidManifest, "The parameter \"\(parameter.name)\" names the group \"\(group)\", which \"groups\" does not have.",
                    [("parameter", .string(parameter.name.description)), ("group", .string(group.description))])
            }
            parameters.append(parameter)
        }
        return parameters
    }

    private static func parameter(_ object: JSONObject, at index: Int) throws(TrainingError) -> Parameter {
        for (name, _) in object where !["name", "shape", "group"].contains(name) {
            throw TrainingError(
                .invalidManifest, "Entry \(index) of \"parameters\" has a member \"\(name)\"; it takes name, shape and group.",
                [("member", .string(name))])
        }
        guard case .string(let text)? = object["name"] else {
            throw TrainingError(.invalidManifest, "Entry \(index) of \"parameters\" needs a \"name\" that is a string.")
        }
        let name = try TensorName(parameter: text)
        guard case .array(let sizes)? = object["shape"] else {
            throw TrainingError(
                .invalidManifest, "The parameter \"\(name)\" needs a \"shape\": a list of sizes, [] for a scalar.",
                [("parameter", .string(text))])
        }
        var shape: [Int] = []
        for size in sizes {
            guard case .number(let number) = size, let size = number.integer else {
                throw TrainingError(
                    .invalidManifest, "The shape of \"\(name)\" must be a list of whole numbers.",
                    [("parameter", .string(text)), ("got", .array(sizes))])
            }
            shape.append(size)
        }
        switch object["group"] {
        case nil: return Parameter(name: name, shape: shape, group: nil)
        case let given?:
            guard case .string(let text) = given, let group = TensorName(text) else {
                throw TrainingError(
                    .invalidManifest, "The \"group\" of \"\(name)\" must be the name of one of \"groups\".",
                    [("parameter", .string(name.description)), ("got", given)])
            }
            return Parameter(name: name, shape: shape, group: group)
        }
    }
}

extension TensorName {
    /// A parameter's name as clients give it: 1–512 bytes of UTF-8, no NUL, not `__metadata__`.
    init(parameter text: String) throws(TrainingError) {
        guard let name = TensorName(text) else {
            throw TrainingError(
                .invalidParameterName, "A parameter's name has 1 to 512 bytes of UTF-8, no NUL, and is not \"__metadata__\".",
                [("parameter", .string(text))])
        }
        self = name
    }
}
