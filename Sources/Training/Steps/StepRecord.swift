import Memory

/// The last step, in full: what it was, and what it answered.
struct StepRecord {
    let step: Int
    let identity: StepIdentity
    let content: AlignedBuffer?
    let weightScale: Double?
    /// SHA-256 of the answer; computed when first needed.
    lazy var contentDigest: [UInt8] = digest(.sha256)
    /// What the log keeps of the answer; computed when first needed.
    lazy var answerDigest: [UInt8] = digest(StepRecord.digestKind)

    /// The kind of ``answerDigest``.
    static let digestKind = AnswerDigest.gmac

    init(step: Int, identity: StepIdentity, content: AlignedBuffer?, weightScale: Double?) {
        self.step = step
        self.identity = identity
        self.content = content
        self.weightScale = weightScale
    }

    func digest(_ kind: AnswerDigest) -> [UInt8] {
        kind.compute(content?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }
}
