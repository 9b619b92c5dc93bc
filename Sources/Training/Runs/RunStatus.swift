import Foundation
public import StrictJSON

/// What a run is and where it stands, as of its last finished step.
///
/// It can be read at any time without waiting for a step in flight.
public struct RunStatus: Sendable {
    public let name: RunName
    public internal(set) var step = 0
    /// Where a restart would stand now.
    public internal(set) var durableStep = 0
    public internal(set) var epoch = 0
    public internal(set) var stateByteCount = 0
    public internal(set) var parameterCount = 0
    /// nil before the first step.
    var level: Run.Level?
    let manifest: Manifest

    /// Honours `Lather-Epoch`: a writer that holds another epoch than the run's is fenced off.
    func fence(_ expected: Int?) throws(TrainingError) {
        guard let expected, expected != epoch else { return }
        throw TrainingError(
            .epochFenced,
            "The run is in epoch \(epoch), the request was made for epoch \(expected): the run was restored, imported or lost steps.",
            [("epoch", JSONValue(epoch)), ("expected_step", JSONValue(step + 1))])
    }

    /// The run's description.
    public var json: JSONObject {
        var groups = JSONObject()
        for group in manifest.groups { groups[group.name] = .object(group.shown) }
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

/// The newest status of a run, for readers that must not wait for it.
final class StatusBoard: @unchecked Sendable {
    // Invariant: `current` is touched only under `lock`; the run's actor is its only writer.
    private let lock = NSLock()
    private var current: RunStatus

    init(_ status: RunStatus) {
        current = status
    }

    var status: RunStatus {
        get { lock.withLock { current } }
        set { lock.withLock { current = newValue } }
    }
}
