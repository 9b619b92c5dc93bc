public import StrictJSON

/// Something that happened to a run, for those who watch it.
public enum RunEvent: Sendable {
    /// A step was applied.
    case step(HistoryPoint)
    /// A step was refused, and has changed nothing.
    case refusal(TrainingError, step: Int)
    case checkpoint(CheckpointDescription)
    /// Options or policies were patched.
    case patch
    /// The run stands at an earlier step again, under another epoch.
    case restore
    /// Another state took the place of the run's own, under another epoch.
    case stateImport
    /// The server was started again, and the run stands under an epoch that no step has been taken in: steps were lost, or a
    /// restore or an import went before, of which events are not kept over a restart.
    case restart
    /// The run is deleted. The last event there is.
    case deletion
    /// Events are not there any more, those of the steps `from` to `to` among them; the history has these steps.
    case gap(from: Int, to: Int)
}

/// An event and its place among all those of its run.
public struct NumberedEvent: Sendable {
    /// By which a reader says where it was.
    public let id: EventID
    /// What happened.
    public let event: RunEvent

    /// The event's type in a stream.
    public var name: String {
        switch event {
        case .step: "step"
        case .refusal: "refusal"
        case .checkpoint: "checkpoint"
        case .patch: "patch"
        case .restore: "restore"
        case .stateImport: "import"
        case .restart: "restart"
        case .deletion: "deletion"
        case .gap: "gap"
        }
    }

    /// What the event says. Each has the epoch and the step at which the run then stood.
    public var json: JSONObject {
        var object: JSONObject = ["epoch": JSONValue(id.epoch), "step": JSONValue(id.step)]
        switch event {
        case .step(let point): return point.json
        case .checkpoint(let checkpoint): object["checkpoint"] = .object(checkpoint.json)
        case .refusal(let error, let step):
            object["refused_step"] = JSONValue(step)
            object["type"] = .string("urn:lather:problem:\(error.code.rawValue)")
            object["detail"] = .string(error.detail)
        case .gap(let from, let to): (object["from"], object["to"]) = (JSONValue(from), JSONValue(to))
        case .patch, .restore, .stateImport, .restart, .deletion: break
        }
        return object
    }
}
