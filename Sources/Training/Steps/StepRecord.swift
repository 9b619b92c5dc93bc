import Memory

/// The last step, in full: what it was, and what it answered.
struct StepRecord {
    let step: Int
    let identity: StepIdentity
    let content: AlignedBuffer?
    let weightScale: Double?
    /// SHA-256 of the answer; computed when first needed.
    lazy var answerDigest: [UInt8] = sha256(content?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))

    init(step: Int, identity: StepIdentity, content: AlignedBuffer?, weightScale: Double?) {
        self.step = step
        self.identity = identity
        self.content = content
        self.weightScale = weightScale
    }
}
