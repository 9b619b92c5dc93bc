/// What a log entry says beside its body.
public struct LogEntry: Equatable, Sendable {
    /// What an entry does to the run; raw values stand in the database.
    public enum Kind: String, Sendable, CaseIterable {
        case step
        case parameterStep
        case weights
        case patch
        /// A state that took the place of the run's own, under a new epoch.
        case stateImport = "import"
    }

    /// What it does.
    public var kind: Kind
    /// The parameter that a `parameterStep` is about.
    public var parameter: String?
    /// The step: the run's, or the parameter's for a `parameterStep`; of other kinds where the run stood.
    public var step: Int
    /// The run's epoch with it.
    public var epoch: Int
    /// JSON text.
    public var attributes: String
    /// SHA-256 of the body, 32 bytes. Whoever reads the entry back is sure to get these bytes.
    public var bodyDigest: [UInt8]
    /// What is kept of the answer that came before this entry, to recognise it by: 32 bytes.
    public var previousAnswerDigest: [UInt8]?

    /// An entry of these.
    public init(
        kind: Kind, parameter: String? = nil, step: Int, epoch: Int, attributes: String, bodyDigest: [UInt8],
        previousAnswerDigest: [UInt8]? = nil
    ) {
        self.kind = kind
        self.parameter = parameter
        self.step = step
        self.epoch = epoch
        self.attributes = attributes
        self.bodyDigest = bodyDigest
        self.previousAnswerDigest = previousAnswerDigest
    }
}
