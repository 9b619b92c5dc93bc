import Logging
import Storage

// How a checkpoint is begun, written beside the steps, and taken note of. There is one at a time.
//
// DESIGN. A checkpoint is a snapshot of references, which costs nothing, and a job that writes it. Whoever is about to
// change state that is still to be written copies it first (``preserve(_:)``), parameter by parameter, so a step waits at most
// for copies in memory. What changes a run otherwise than by steps (weights, import, restore) waits for the job's end first.
// A copy of everything at the beginning would be simpler, but would make the next step wait for parameters it does not touch,
// and would need the memory even when the writer is faster than the steps.

extension Run {
    /// Takes the present for a checkpoint, which somebody has to write.
    func beginCheckpoint(label: String? = nil, isAskedFor: Bool) -> CheckpointJob {
        let snapshot = CheckpointSnapshot(of: self, label: label)
        for (parameter, part) in zip(parameters.all, snapshot.parts) { parameter.part = part }
        let job = CheckpointJob(snapshot, isAskedFor: isAskedFor, in: surroundings)
        underWay = job
        // The checkpoint will clear the mark there is, so the next step that needs one sets another.
        checkpointing.isMarked = false
        return job
    }

    /// Writes the whole state to the database now; steps wait meanwhile.
    func writeCheckpoint() throws(TrainingError) {
        settleCheckpoint()
        let job = beginCheckpoint(isAskedFor: true)
        let outcome = job.finish()
        absorb(job, outcome)
        _ = try outcome.get()
    }

    /// Sees to it that everything that has happened is in a checkpoint.
    func ensureCheckpoint() throws(TrainingError) {
        settleCheckpoint()
        if checkpointing.changes > 0 { try writeCheckpoint() }
    }

    /// Waits for the checkpoint under way, if there is one; steps wait meanwhile.
    func settleCheckpoint() {
        if let underWay { absorb(underWay, underWay.finish()) }
    }

    /// Awaits the end of a checkpoint; the run goes on meanwhile.
    @discardableResult
    func absorbEnd(of job: CheckpointJob) async -> CheckpointJob.Outcome {
        let outcome = await job.end()
        absorb(job, outcome)
        return outcome
    }

    /// Takes note of how a checkpoint ended, once.
    private func absorb(_ job: CheckpointJob, _ outcome: CheckpointJob.Outcome) {
        guard underWay === job else { return }
        underWay = nil
        let snapshot = job.snapshot
        for parameter in parameters.all { parameter.part = nil }
        switch outcome {
        case .success(let made):
            checkpointing.completed(snapshot.moment, at: snapshot.step)
            // Parameters that are new since then come after those that it knows.
            for (parameter, part) in zip(parameters.all, snapshot.parts) {
                parameter.durableNumber = max(parameter.durableNumber, part.number)
            }
            publish()
            history.events.publish(.checkpoint(CheckpointDescription(made)), epoch: epoch, step: step)
        case .failure(let error):
            if error.code == .commitUnknown { agreement.doubt() }
            // Of a run that is deleted nobody misses it.
            if life != .gone { surroundings.directory.noteFailedCheckpoint() }
            checkpointing.notBefore = checkpointing.changes + max(1, manifest.policy.checkpointEvery / 10)
            if !job.isAskedFor, life == .open {
                logger.error(
                    "checkpoint failed",
                    metadata: ["run": "\(name)", "step": .stringConvertible(snapshot.step), "reason": "\(error.detail)"])
            }
        }
    }

    /// Sees to it that parameters may be changed without changing the checkpoint under way.
    func preserve(_ changing: [TrainedParameter?]) {
        guard let underWay else { return }
        underWay.preserve(changing.compactMap { $0?.part })
        for parameter in changing { parameter?.part = nil }
    }

    /// Makes one at a clean stop, so that the next start has nothing to replay; then takes no more steps.
    func finish() throws(TrainingError) {
        guard life == .open else { return }
        defer { life = .stopped }
        try settle()
        endRound()
        history.save()
        try ensureCheckpoint()
    }

    // MARK: When

    /// Answers first, then begins: the task queues behind the step that caused it.
    func scheduleCheckpointIfDue() {
        guard isCheckpointDue, !checkpointing.isScheduled else { return }
        checkpointing.isScheduled = true
        Task { await makeDueCheckpoint() }
    }

    private func makeDueCheckpoint() async {
        if isCheckpointDue {
            let job = beginCheckpoint(isAskedFor: false)
            job.start()
            await absorbEnd(of: job)
        }
        checkpointing.isScheduled = false
        scheduleCheckpointIfDue()
    }

    /// Bytes of a log that is read back in no time, so that tiny runs need no checkpoint for it: a page of the database.
    private static let shortLog = 64 << 10

    private var isCheckpointDue: Bool {
        // One that is asked for is made first, none beside another, and none of what may not be so.
        guard life == .open, underWay == nil, checkpointsAskedFor == 0, !status.isInDoubt else { return false }
        guard checkpointing.changes >= checkpointing.notBefore else { return false }
        if checkpointing.hasImport || checkpointing.isMissing { return true }
        let policy = manifest.policy
        // At parameter level the slowest parameter decides the run's step, so there the steps of all are counted.
        let steps = level == .parameter ? checkpointing.changes / parameters.all.count : step - checkpointing.lastStep
        let isTime = policy.durability != .memory && steps >= policy.checkpointEvery
        return isTime || checkpointing.logByteCount > max(4 * parameters.stateByteCount, Run.shortLog)
    }
}
