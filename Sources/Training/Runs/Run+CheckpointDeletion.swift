import Storage
import StrictJSON

extension Run {
    /// Deletes the newest checkpoint of a step, labelled or not; a download that is under way still gets it whole.
    ///
    /// - Throws: ``TrainingError``, `checkpoint-needed` for the run's newest one: a restart begins there.
    public func deleteCheckpoint(at step: Int, epoch: Int?) throws(TrainingError) {
        try ensureOpen()
        try fence(epoch)
        let found = try record(ofCheckpointAt: step)
        let newest: CheckpointRecord?
        do { newest = try store.checkpoints(of: id).last } catch { throw TrainingError(error) }
        guard found.id != newest?.id else {
            throw TrainingError(
                .checkpointNeeded, "The checkpoint of step \(step) is the newest one, from which a restart goes on; make another first.",
                [("step", JSONValue(step))])
        }
        try surroundings.storage.writing { () throws(StorageError) in try store.deleteCheckpoint(found.id) }
    }
}
