import Storage

/// Where a run stands between its checkpoints.
struct CheckpointState {
    /// The step of the newest complete checkpoint; 0 without one.
    var lastStep = 0
    /// Where a restart would stand: the newest checkpoint, or what has been logged since.
    var durableStep = 0
    /// Steps taken, weights put, patches made and states imported since the checkpoint.
    var changes = 0
    /// Whether there are changes that neither the log nor a checkpoint has.
    var isAhead: Bool
    /// Whether the database has been told of those since the moment of the newest checkpoint, also of one under way.
    var isMarked: Bool
    /// The last mark it was told by; see ``Store/markAhead(_:of:)``.
    var mark = 0
    /// A failed attempt is not repeated before so many changes.
    var notBefore = 0
    /// The newest record of the log.
    var logSequence: Int64 = 0
    /// Bytes in the log since the newest checkpoint.
    var logByteCount = 0
    /// Whether the log holds an import since then: too much to be read again at every start.
    var hasImport = false
    /// Whether the newest one was damaged, so that one is missing.
    var isMissing = false
    /// Whether one that is due is on its way already.
    var isScheduled = false

    init(isAhead: Bool) {
        self.isAhead = isAhead
        isMarked = isAhead
    }

    /// A checkpoint of the present is complete.
    mutating func completed(_ header: CheckpointHeader) {
        self = CheckpointState(isAhead: false)
        lastStep = header.step
        durableStep = header.step
        logSequence = header.sequence
    }

    /// A checkpoint of an earlier moment is complete; what has happened since then stays. An import is never among that.
    mutating func completed(_ moment: CheckpointState, at step: Int) {
        lastStep = step
        durableStep = max(durableStep, step)
        changes -= moment.changes
        logByteCount -= moment.logByteCount
        isAhead = isMarked
        notBefore = 0
        hasImport = false
        isMissing = false
    }
}
