import Safetensors
public import StrictJSON

/// What a run is and where it stands, as of its last finished step.
///
/// It can be read at any time without waiting for a step in flight.
public struct RunStatus: Sendable {
    /// The run's name.
    public let name: RunName
    /// The last step; at parameter level the smallest of the parameters'.
    public internal(set) var step = 0
    /// Where a restart would stand now.
    public internal(set) var durableStep = 0
    /// Raised by whatever takes steps back or puts others in their place.
    public internal(set) var epoch = 0
    /// Bytes of the parameters' state.
    public internal(set) var stateByteCount = 0
    /// Parameters that are registered.
    public internal(set) var parameterCount = 0
    /// After a failed sync it may stand one step further; see ``Run/settledStatus()``.
    public internal(set) var isInDoubt = false
    /// Which kind of step the run takes; nil before its first.
    var level: Run.Level?
    var manifest: Manifest

    /// Honours `Lather-Epoch`: a writer that holds another epoch than the run's is fenced off.
    func fence(_ expected: Int?) throws(TrainingError) {
        try RunStatus.fence(expected, current: epoch, step: step)
    }

    /// - Parameter step: where the run stands, if that is known.
    static func fence(_ expected: Int?, current epoch: Int, step: Int? = nil) throws(TrainingError) {
        guard let expected, expected != epoch else { return }
        var fields: [(name: String, value: JSONValue)] = [("epoch", JSONValue(epoch))]
        if let step { fields.append(("expected_step", JSONValue(step + 1))) }
        throw TrainingError(
            .epochFenced,
            "The run is in epoch \(epoch), the request was made for epoch \(expected): the run was made anew, restored, imported or lost steps.",
            fields)
    }

    /// The run's description.
    public var json: JSONObject {
        var groups = JSONObject()
        for group in manifest.groups { groups[group.name.description] = .object(group.shown) }
        return [
            "name": .string(name.description),
            "step": JSONValue(step),
            "durable_step": JSONValue(durableStep),
            "epoch": JSONValue(epoch),
            "optimizer": .object(manifest.settings.shown),
            "state_bytes": JSONValue(stateByteCount),
            "parameter_count": JSONValue(parameterCount),
            "policy": .object(manifest.policy.json),
            "groups": .object(groups),
        ]
    }
}
