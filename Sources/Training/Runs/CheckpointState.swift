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
    /// Whether the database has been told so.
    var isMarked: Bool
    /// A failed attempt is not repeated before so many changes.
    var notBefore = 0
    /// Bytes in the log since the newest checkpoint.
    var logByteCount = 0
    /// Whether the log holds an import since then: too much to be read again at every start.
    var hasImport = false
    /// Whether the newest one was damaged, so that one is missing.
    var isMissing = false
    /// Whether one is on its way already.
    var isScheduled = false

    init(isAhead: Bool) {
        self.isAhead = isAhead
        isMarked = isAhead
    }

    mutating func completed(at step: Int) {
        self = CheckpointState(isAhead: false)
        lastStep = step
        durableStep = step
    }
}
