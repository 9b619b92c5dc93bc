import Logging
import Memory
import SOAP
import Safetensors
import Storage
import StrictJSON

extension Run {
    /// Writes the whole state to the database now.
    ///
    /// - Parameter label: keeps the checkpoint from being pruned.
    @discardableResult
    public func makeCheckpoint(label: String? = nil, epoch: Int? = nil) throws(TrainingError) -> CheckpointDescription {
        try ensureOpen()
        try fence(epoch)
        do {
            let made = try surroundings.storage.writing { () throws(StorageError) in try writeCheckpoint(label) }
            checkpointing.completed(at: step)
            for parameter in parameters.all { parameter.durableNumber = parameter.lastNumber }
            publish()
            return CheckpointDescription(made)
        } catch {
            // Whether its last commit came through is not known, so the next step marks the run again.
            checkpointing.isMarked = false
            checkpointing.notBefore = checkpointing.changes + max(1, manifest.policy.checkpointEvery / 10)
            throw error
        }
    }

    /// The newest checkpoint, made now if the run has gone on since or has none.
    public func upToDateCheckpoint() throws(TrainingError) -> CheckpointDescription {
        if checkpointing.changes == 0, let newest = try checkpoints().last { return newest }
        return try makeCheckpoint()
    }

    func writeCheckpoint(_ label: String?, _ history: CheckpointWriter.History = .continued) throws(StorageError) -> CheckpointRecord {
        let header = CheckpointHeader(
            step: step, epoch: epoch, sequence: try store.lastSequence(of: id), label: label,
            metadata: String(decoding: JSONValue.object(checkpointMetadata).serialized(), as: UTF8.self))
        let writer = try store.beginCheckpoint(of: id, header)
        do {
            try write(to: writer)
            return try writer.finish(keeping: manifest.policy.keepCheckpoints, history: history)
        } catch {
            try? writer.abandon()
            throw error
        }
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
    public func deleteCheckpoint(at step: Int, epoch: Int?) throws(TrainingError) {
        try ensureOpen()
        try fence(epoch)
        let found = try record(ofCheckpointAt: step)
        guard try checkpoints().last?.step != step else {
            throw TrainingError(
                .checkpointNeeded, "The checkpoint of step \(step) is the newest one, from which a restart goes on; make another first.",
                [("step", JSONValue(step))])
        }
        try surroundings.storage.writing { () throws(StorageError) in try store.deleteCheckpoint(found.id) }
    }

    /// Makes one at a clean stop, so that the next start has nothing to replay; then takes no more steps.
    func finish() throws(TrainingError) {
        guard life == .open else { return }
        defer { life = .stopped }
        if checkpointing.changes > 0 { try makeCheckpoint() }
    }

    // MARK: When

    /// Answers first, then writes: the job queues behind the step that caused it.
    func scheduleCheckpointIfDue() {
        guard isCheckpointDue, !checkpointing.isScheduled else { return }
        checkpointing.isScheduled = true
        Task { self.makeDueCheckpoint() }
    }

    private func makeDueCheckpoint() {
        checkpointing.isScheduled = false
        guard life == .open, isCheckpointDue else { return }
        do {
            try makeCheckpoint()
        } catch {
            logger.error("checkpoint failed", metadata: ["run": "\(name)", "step": "\(step)", "reason": "\(error.detail)"])
        }
    }

    /// Bytes of a log that is read back in no time, so that tiny runs need no checkpoint for it: a page of the database.
    private static let shortLog = 64 << 10

    private var isCheckpointDue: Bool {
        guard checkpointing.changes >= checkpointing.notBefore else { return false }
        if checkpointing.hasImport || checkpointing.isMissing { return true }
        let policy = manifest.policy
        // At parameter level the slowest parameter decides the run's step, so there the steps of all are counted.
        let steps = level == .parameter ? checkpointing.changes / parameters.all.count : step - checkpointing.lastStep
        let isTime = policy.durability != .memory && steps >= policy.checkpointEvery
        return isTime || checkpointing.logByteCount > max(4 * parameters.stateByteCount, Run.shortLog)
    }

    // MARK: What

    /// Appends a record to the log; when it returns, the record is on disk.
    func append(_ entry: LogEntry, body: [UnsafeRawBufferPointer]) throws(TrainingError) {
        _ = try surroundings.storage.writing { () throws(StorageError) in try store.append(entry, body: body, to: id) }
        checkpointing.logByteCount += body.reduce(entry.attributes.utf8.count) { $0 + $1.count }
    }

    /// Notes on disk, once between two checkpoints, that a crash would lose steps that were answered.
    func markAhead() throws(TrainingError) {
        guard !checkpointing.isMarked else { return }
        try surroundings.storage.writing { () throws(StorageError) in try store.setAhead(true, of: id) }
        (checkpointing.isMarked, checkpointing.isAhead) = (true, true)
    }

    private func write(to writer: CheckpointWriter) throws(StorageError) {
        for parameter in parameters.all {
            for key in parameter.state.stateKeys {
                let shape = parameter.state.stateShape(key) ?? []
                try parameter.state.withState(key) { values throws(StorageError) in
                    try writer.append(
                        kind: .state, name: "\(parameter.name).\(key.name)", dtype: "F32", shape: shape,
                        bytes: UnsafeRawBufferPointer(values))
                }
            }
            if let weights = parameter.weights {
                try writer.append(
                    kind: .weights, name: parameter.name.description, dtype: "F32", shape: parameter.shape, bytes: weights.bytes)
            }
            try write(parameter.record, of: parameter.name.description, to: writer)
        }
        try write(record, of: "", to: writer)
    }

    private func write(_ record: StepRecord?, of name: String, to writer: CheckpointWriter) throws(StorageError) {
        guard let content = record?.content else { return }
        try writer.append(kind: .answer, name: name, dtype: "U8", shape: [content.count], bytes: content.bytes)
    }

    private var checkpointMetadata: JSONObject {
        var metadata = JSONObject()
        metadata["level"] = level.map { .string($0.rawValue) } ?? .null
        metadata["manifest"] = .object(manifest.json)
        metadata["parameters"] = .array(
            parameters.all.map { parameter in
                var entry: JSONObject = [
                    "name": .string(parameter.name.description), "shape": Manifest.json(parameter.shape),
                    "step": JSONValue(parameter.state.step), "number": JSONValue(parameter.lastNumber),
                ]
                if let group = parameter.group { entry["group"] = .string(group.name.description) }
                if let refresh = parameter.state.lastRefreshStep { entry["last_refresh_step"] = JSONValue(refresh) }
                if let figures = parameter.lastStep { entry["last_step"] = .object(figures.json) }
                if let record = parameter.record { entry["record"] = .object(record.json) }
                return .object(entry)
            })
        if let record { metadata["record"] = .object(record.json) }
        return metadata
    }
}
