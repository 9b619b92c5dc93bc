import Storage
import StrictJSON

extension Run {
    /// Writes the whole state to the database as it is when this is begun, which is when none other is under way. The run goes on
    /// meanwhile.
    ///
    /// - Parameter label: keeps the checkpoint from being pruned.
    @discardableResult
    public func makeCheckpoint(label: String? = nil, epoch: Int? = nil) async throws(TrainingError) -> CheckpointDescription {
        checkpointsAskedFor += 1
        defer {
            checkpointsAskedFor -= 1
            scheduleCheckpointIfDue()
        }
        try admitWrite(epoch: epoch)
        while let underWay {
            await absorbEnd(of: underWay)
            try admitWrite(epoch: epoch)
        }
        let job = beginCheckpoint(label: label, isAskedFor: true)
        job.start()
        do {
            return CheckpointDescription(try await absorbEnd(of: job).get())
        } catch {
            // Deleted meanwhile, it could not but fail.
            if life == .gone { throw TrainingError.unknownRun(name) }
            throw error
        }
    }

    /// The newest checkpoint, made now if the run has gone on since or has none.
    public func upToDateCheckpoint() async throws(TrainingError) -> CheckpointDescription {
        try admitWrite(epoch: nil)
        while let underWay {
            await absorbEnd(of: underWay)
            try admitWrite(epoch: nil)
        }
        if checkpointing.changes == 0, let newest = try checkpoints().last { return newest }
        return try await makeCheckpoint()
    }

    /// The complete checkpoints, newest last.
    public func checkpoints() throws(TrainingError) -> [CheckpointDescription] {
        try ensureOpen()
        do { return try store.checkpoints(of: id).map(CheckpointDescription.init) } catch { throw TrainingError(error) }
    }

    /// The newest checkpoint of a step.
    public func checkpoint(at step: Int) throws(TrainingError) -> CheckpointDescription {
        CheckpointDescription(try record(ofCheckpointAt: step))
    }

    func record(ofCheckpointAt step: Int) throws(TrainingError) -> CheckpointRecord {
        try ensureOpen()
        let all: [CheckpointRecord]
        do { all = try store.checkpoints(of: id) } catch { throw TrainingError(error) }
        guard let found = all.last(where: { $0.header.step == step }) else {
            throw TrainingError(.unknownCheckpoint, "The run has no checkpoint of step \(step).", [("step", JSONValue(step))])
        }
        return found
    }

    /// Deletes the newest checkpoint of a step, labelled or not; a download that is under way still gets it whole.
    ///
    /// - Throws: ``TrainingError``, `checkpoint-needed` for the run's newest one: a restart begins there.
    public func deleteCheckpoint(at step: Int, epoch: Int?) async throws(TrainingError) {
        // One that completes could prune the very checkpoint that is looked at.
        while let underWay { await absorbEnd(of: underWay) }
        try admitWrite(epoch: epoch)
        let found = try record(ofCheckpointAt: step)
        guard try checkpoints().last?.step != step else {
            throw TrainingError(
                .checkpointNeeded, "The checkpoint of step \(step) is the newest one, from which a restart goes on; make another first.",
                [("step", JSONValue(step))])
        }
        try doubting { () throws(StorageError) in try store.deleteCheckpoint(found.id) }
    }

    // MARK: What the log and the database are told

    /// Notes on disk, once after the moment of each checkpoint, that a crash would lose steps that were answered.
    func markAhead() throws(TrainingError) {
        guard !checkpointing.isMarked else { return }
        // Counted also when it fails: whether the database has this mark is not known then.
        checkpointing.mark += 1
        try doubting { () throws(StorageError) in try store.markAhead(checkpointing.mark, of: id) }
        (checkpointing.isMarked, checkpointing.isAhead) = (true, true)
    }
}
