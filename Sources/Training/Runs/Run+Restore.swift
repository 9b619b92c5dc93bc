import Logging
import Storage
import StrictJSON

extension Run {
    /// Makes the run stand at an earlier step again, under the next epoch: state, weights and replay record are those of
    /// that step, options stay, everything after it is discarded.
    ///
    /// That moment is brought back beside the present, so for the time being its state has to fit into the memory budget too.
    ///
    /// - Parameter target: the step of a checkpoint or, at run level, one that is still in the log.
    /// - Throws: ``TrainingError``; the run is then as it was.
    public func restore(to target: Int, epoch: Int?) throws(TrainingError) -> RunStatus {
        try admitWrite(epoch: epoch)
        // None of the time that is given up may complete after it.
        settleCheckpoint()
        history.save()
        let moment = try moment(of: target)
        let past = Run(besides: self, epoch: self.epoch + 1)
        let contents: Unchecked<Contents>
        do {
            contents = try past.assumeIsolated { [manifest] past in
                try past.load(moment)
                guard past.step == target else { throw RecoveryFailure(reason: "the log leads to step \(past.step)") }
                past.adopt(manifest)
                try past.replaceLineage(from: moment)
                return Unchecked(past.handOver())
            }
        } catch {
            past.assumeIsolated { $0.close() }
            let refusal = Run.refusal(error)
            if refusal.code == .commitUnknown { agreement.doubt() }
            throw refusal
        }
        take(contents.value, epoch: self.epoch + 1)
        history.discard(after: step, epoch: self.epoch)
        history.events.publish(.restore, epoch: self.epoch, step: step)
        logger.notice(
            "run restored", metadata: ["run": "\(name)", "step": .stringConvertible(step), "epoch": .stringConvertible(self.epoch)])
        return status
    }

    /// A moment that a run can go back to: a checkpoint, or the beginning, and the log up to a record.
    private struct Moment: Sendable {
        let checkpoint: CheckpointRecord?
        /// The last record that is done again; nil is none.
        var lastSequence: Int64?
        /// The checkpoint that is made anew: this moment is of the same step, but may have weights that were put since.
        var replaced: CheckpointRecord?
    }

    /// The last moment of a step, before the one that followed: weights that were put in between belong to it.
    private func moment(of target: Int) throws(TrainingError) -> Moment {
        let checkpoints: [CheckpointRecord]
        do {
            checkpoints = try store.checkpoints(of: id)
            let newest = checkpoints.last
            // A step in the log is after the newest checkpoint, so no checkpoint of that step is newer.
            if level != .parameter, let sequence = try store.lastSequence(ofStep: target, in: id) {
                return Moment(checkpoint: newest, lastSequence: try store.lastSequenceBeforeStep(after: sequence, in: id))
            }
            if let newest, newest.header.step == target {
                // At parameter level a step of the run is many steps, so there a checkpoint is gone back to as it is.
                let last = level == .parameter ? nil : try store.lastSequenceBeforeStep(after: newest.header.sequence, in: id)
                return Moment(checkpoint: newest, lastSequence: last, replaced: newest)
            }
            if let checkpoint = checkpoints.last(where: { $0.header.step == target }) {
                return Moment(checkpoint: checkpoint, replaced: checkpoint)
            }
            if target == 0, newest == nil, level != .parameter {
                return Moment(checkpoint: nil, lastSequence: try store.lastSequenceBeforeStep(after: 0, in: id))
            }
        } catch {
            throw TrainingError(error)
        }
        throw TrainingError(
            .stepNotKept, "Step \(target) is that of no checkpoint and not in the log behind the newest one.",
            [
                ("step", JSONValue(step)), ("checkpoints", .array(checkpoints.map { JSONValue($0.header.step) })),
            ])
    }

    private func load(_ moment: Moment) throws {
        try begin(from: moment.checkpoint)
        if let last = moment.lastSequence { try replayLog(after: moment.checkpoint?.header.sequence ?? 0, through: last) }
    }

    /// Writes what has been loaded as the checkpoint that takes the place of everything after it.
    private func replaceLineage(from moment: Moment) throws {
        // Behind it is the whole log, also what the moment does not have.
        checkpointing.logSequence = try store.lastSequence(of: id)
        let snapshot = CheckpointSnapshot(of: self)
        let made = try surroundings.storage.writing { () throws(StorageError) in
            try snapshot.write(to: store, lineage: .restored(replacing: moment.replaced?.id))
        }
        checkpointing.completed(made.header)
    }

    static func refusal(_ error: any Error, _ what: String = "The step could not be brought back") -> TrainingError {
        switch error {
        case let error as TrainingError: error
        case let error as StorageError: TrainingError(error)
        default: TrainingError(.storageDamaged, "\(what): \(RecoveryFailure(error).reason).")
        }
    }
}
