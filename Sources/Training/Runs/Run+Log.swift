import Logging
import Memory
import Storage
import StrictJSON

extension Run {
    /// How memory and disk stand to each other.
    enum Agreement: Equatable {
        /// Memory contains what the file held when it was last found right; see ``Store/generation``.
        case since(generation: Int?)
        /// A record may be in the log or not. Memory contains it if ``CheckpointState/logSequence`` says so.
        case inDoubt
        /// Memory holds nothing that can be relied on.
        case lost
    }

    // MARK: Writing

    /// Appends a record to the log; when it returns, the record is on disk.
    func append(_ entry: LogEntry, body: [UnsafeRawBufferPointer]) throws(TrainingError) {
        let commit = try beginAppending(entry, body: body)
        try finish(commit)
        checkpointing.logSequence = commit.sequence
    }

    /// Gives a record its place in the log. It becomes durable while the caller goes on, until it calls ``finish(_:)``.
    func beginAppending(_ entry: LogEntry, body: [UnsafeRawBufferPointer]) throws(TrainingError) -> LogCommit {
        let commit = try doubting { () throws(StorageError) in
            try store.beginAppending(entry, body: body, to: id, after: checkpointing.logSequence)
        }
        checkpointing.logByteCount += body.reduce(entry.attributes.utf8.count) { $0 + $1.count }
        return commit
    }

    /// Returns when a record is on disk.
    func finish(_ commit: LogCommit) throws(TrainingError) {
        try doubting { () throws(StorageError) in try store.finish(commit) }
    }

    /// Writes to the database; after a failed sync what it holds has to be looked up.
    func doubting<Value>(_ write: () throws(StorageError) -> Value) throws(TrainingError) -> Value {
        try surroundings.storage.writing { () throws(StorageError) in
            do throws(StorageError) {
                return try write()
            } catch {
                switch error.kind {
                case .syncFailed: agreement = .inDoubt
                // The next request finds what they have written.
                case .conflict: agreement = .lost
                default: break
                }
                throw error
            }
        }
    }

    // MARK: After a failed sync

    /// Makes memory agree with the disk, if something may not have reached it since the last time: the file is read again, and
    /// what it holds of this run is checked.
    func settle() throws(TrainingError) {
        guard agreement != .since(generation: store.generation) else { return }
        do { try store.ensureSound() } catch { throw TrainingError(error) }
        let generation = store.generation
        guard agreement != .since(generation: generation) else { return }
        // It was written to the file as it was before, and ends without success.
        settleCheckpoint()
        do {
            guard let row = try store.run(id) else {
                end()
                throw TrainingError.unknownRun(name)
            }
            try agree(with: row)
        } catch {
            throw Run.refusal(error)
        }
        // Whether the mark reached the disk is not known either.
        checkpointing.isMarked = false
        agreement = .since(generation: generation)
        publish()
        history.announce()
        scheduleCheckpointIfDue()
        logger.notice("run read again", metadata: ["run": "\(name)", "step": "\(step)"])
    }

    private func agree(with row: RunRecord) throws {
        let last = try store.lastSequence(of: id)
        guard agreement != .lost, row.epoch == epoch, last >= checkpointing.logSequence else { return try rebuild(row) }
        let damages = try store.damages(of: row)
        guard damages.isEmpty else { throw RecoveryFailure(reason: damages.sorted().joined(separator: " ")) }
        history.doubt()
        try replayLog(after: checkpointing.logSequence)
        checkpointing.logSequence = last
    }

    /// Brings the run back from the disk.
    private func rebuild(_ row: RunRecord) throws {
        agreement = .lost
        empty()
        let fresh = Run(besides: self, epoch: row.epoch, isAhead: row.isAhead, history: history)
        let (contents, manifest, epoch) = try fresh.assumeIsolated { fresh in
            do {
                _ = try fresh.recover()
            } catch {
                fresh.close()
                throw error
            }
            return (Unchecked(fresh.handOver()), fresh.manifest, fresh.epoch)
        }
        self.manifest = manifest
        take(contents.value, epoch: epoch)
    }
}
