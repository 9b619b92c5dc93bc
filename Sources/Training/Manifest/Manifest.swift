import SOAP
import Safetensors
import StrictJSON

/// What a run is made with: optimizer options, parameters, groups and policy.
struct Manifest: Sendable {
    /// A parameter that the manifest lists.
    struct Parameter: Sendable, Equatable {
        let name: TensorName
        let shape: [Int]
        /// The group it names itself; nil leaves the choice to the groups' globs.
        let group: TensorName?
    }

    /// Parameters that share options.
    struct Group: Sendable {
        /// Names of groups follow the rules of parameters' names, and like them are compared as bytes.
        let name: TensorName
        let patterns: [Glob]
        let settings: OptimizerSettings
        /// As given, for people.
        let shown: JSONObject
    }

    /// As given, for people and for patches.
    let json: JSONObject
    let settings: OptimizerSettings
    /// nil leaves the list open: a step registers what it names.
    let parameters: [Parameter]?
    let groups: [Group]
    let policy: Policy
    /// The place among ``groups`` of each listed parameter's, which is looked for once; nil is the run's own options.
    let groupIndices: [Int?]

    /// The group of a parameter: the one it names, else the first with a glob that fits; nil is the run's own options.
    func group(of name: TensorName, naming group: TensorName? = nil) -> Group? {
        Manifest.groupIndex(of: name, naming: group, in: groups).map { groups[$0] }
    }

    static func groupIndices(of parameters: [Parameter], in groups: [Group]) -> [Int?] {
        parameters.map { groupIndex(of: $0.name, naming: $0.group, in: groups) }
    }

    private static func groupIndex(of name: TensorName, naming group: TensorName?, in groups: [Group]) -> Int? {
        if let group { return groups.firstIndex { $0.name == group } }
        guard !groups.isEmpty else { return nil }
        let bytes = Array(name.description.utf8)
        return groups.firstIndex { $0.patterns.contains { $0.matches(bytes) } }
    }

    /// The listed parameters, each with its group.
    var listed: [(parameter: Parameter, group: Group?)] {
        zip(parameters ?? [], groupIndices).map { parameter, index in (parameter, index.map { groups[$0] }) }
    }
}

extension Manifest: Equatable {
    /// Whether both ask for the same run: numbers by value, options left out as their defaults, parameters in any order.
    static func == (a: Manifest, b: Manifest) -> Bool {
        a.settings.options == b.settings.options
            && a.policy == b.policy
            && a.groups.map(\.name) == b.groups.map(\.name)
            && zip(a.groups, b.groups).allSatisfy { $0.patterns == $1.patterns && $0.settings.hasSameEffect(as: $1.settings) }
            && byName(a.parameters) == byName(b.parameters)
    }

    private static func byName(_ parameters: [Parameter]?) -> [TensorName: Parameter]? {
        parameters.map { Dictionary(uniqueKeysWithValues: $0.map { ($0.name, $0) }) }
    }
}

extension OptimizerSettings {
    func hasSameEffect(as other: OptimizerSettings) -> Bool {
        options == other.options && setsLearningRate == other.setsLearningRate
    }
}
