public import StrictJSON

/// Why something was refused: a code that programs act on, a sentence that people act on, and fields for both.
///
/// Whoever throws it has left the run as it was.
public struct TrainingError: Error, Sendable {
    /// What kind of refusal this is. The raw value is the slug of the problem type that clients see.
    public enum Code: String, Sendable, CaseIterable {
        case invalidManifest = "invalid-manifest"
        case unknownOption = "unknown-option"
        case invalidOption = "invalid-option"
        case optionNotTunable = "option-not-tunable"
        case invalidRunName = "invalid-run-name"
        case invalidParameterName = "invalid-parameter-name"
        case unknownRun = "unknown-run"
        case unknownParameter = "unknown-parameter"
        case undeclaredParameter = "undeclared-parameter"
        case unknownTensor = "unknown-tensor"
        case unknownCheckpoint = "unknown-checkpoint"
        case stepNotKept = "step-not-kept"
        case checkpointNeeded = "checkpoint-needed"
        case runExists = "run-exists"
        case outOfMemory = "memory-budget-exceeded"
        case epochFenced = "epoch-fenced"
        case levelMixed = "step-level-mixed"
        case bodyDiffers = "step-body-differs"
        case alreadyApplied = "step-already-applied"
        case outOfOrder = "step-out-of-order"
        case malformedBody = "malformed-body"
        case wrongShape = "wrong-shape"
        case wrongLength = "wrong-length"
        case wrongDType = "wrong-dtype"
        case nonFiniteGradient = "nonfinite-gradient"
        case nonFiniteWeight = "nonfinite-weight"
        case invalidStepOption = "invalid-step-option"
        case emptyStep = "empty-step"
        case weightsRequired = "weights-required"
        case weightsNotHosted = "weights-not-hosted"
        case weightsIncomplete = "weights-incomplete"
        case invalidState = "invalid-state"
        case stateIncomplete = "state-incomplete"
        case layoutRequired = "layout-required"
        case storageFull = "storage-full"
        case storageDamaged = "storage-damaged"
        case storageUnavailable = "storage-unavailable"
        case commitUnknown = "commit-unknown"
        case recovering = "recovering"
        case runDamaged = "run-damaged"
        case shuttingDown = "shutting-down"
    }

    /// What went wrong, for programs.
    public let code: Code
    /// What happened and what to do about it.
    public let detail: String
    /// Machine-readable members, in the order they are shown.
    public let fields: [(name: String, value: JSONValue)]

    init(_ code: Code, _ detail: String, _ fields: [(name: String, value: JSONValue)] = []) {
        self.code = code
        self.detail = detail
        self.fields = fields
    }

    static let shuttingDown = TrainingError(
        .shuttingDown, "The server is stopping; send the same request again when it is back.")

    static func unknownRun(_ name: RunName) -> TrainingError {
        TrainingError(.unknownRun, "There is no run \"\(name)\".", [("run", .string(name.description))])
    }
}
