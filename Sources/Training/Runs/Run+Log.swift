import Logging
import Memory
import Storage
import StrictJSON

extension Run {
    /// How memory and disk stand to each other.
    enum Agreement {
        /// Memory contains what the file held as ``seen`` last.
        case whole
        /// A record may be in the log or not. Memory contains it if ``CheckpointState/logSequence`` says so.
        case inDoubt
        /// Memory holds nothing that can be relied on.
        case lost

        /// A write may have happened or not. Memory that is lost stays so: what fails after it, a checkpoint beside the step for
        /// one, does not bring it back.
        mutating func doubt() {
            if self == .whole { self = .inDoubt }
        }
    }

    // MARK: Writing

    /// Appends a record to the log; when it returns, the record is on disk.
    func append(_ entry: LogEntry, body: [UnsafeRawBufferPointer]) throws(TrainingError) {
        let byteCount = checkpointing.logByteCount
        let commit = try beginAppending(entry, body: body)
        do {
            try finish(commit)
        } catch {
            // If it is found in the log after all, it is counted when it is done again.
            checkpointing.logByteCount = byteCount
            throw error
        }
        checkpointing.logSequence = commit.sequence
    }

    /// Gives a record its place in the log. It becomes durable while the caller goes on, until it calls ``finish(_:)``.
    func beginAppending(
        _ makeEntry: @autoclosure () -> LogEntry, body: [UnsafeRawBufferPointer]
    ) throws(TrainingError) -> LogCommit {
        let commit = try doubting { () throws(StorageError) in
            try store.beginAppending(makeEntry(), body: body, to: id, after: checkpointing.logSequence)
        }
        checkpointing.logByteCount += commit.byteCount
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
                case .syncFailed: agreement.doubt()
                // The next request finds what they have written.
                case .conflict: agreement = .lost
                default: break
                }
                throw error
            }
        }
    }

    // MARK: After the file has been opened anew

    /// Makes memory agree with the disk, if something may not have reached it since the last time, or come to it: the file is
    /// read again, and what a start needs of this run is checked. Damage elsewhere is left to whoever reads there.
    func settle() throws(TrainingError) {
        do {
            try store.ensureSound()
        } catch {
            // Nothing is in doubt: a write will be refused, what needs none goes on.
            guard isSettled else { throw TrainingError(error) }
        }
        guard !isSettled else { return }
        guard let present = store.generation else {
            throw TrainingError(.storageUnavailable, "The database has to be read again; send the same request again.")
        }
        // It was written to the file as it was before, and ends without success.
        settleCheckpoint()
        do {
            guard let row = try store.run(id) else {
                end()
                throw TrainingError.unknownRun(name)
            }
            try agree(with: row, isTakenOver: seen?.takeovers != present.takeovers)
        } catch {
            throw Run.refusal(error, "The run could not be read again")
        }
        // Whether the mark reached the disk is not known either.
        checkpointing.isMarked = false
        (agreement, seen) = (.whole, present)
        publish()
        history.announce()
        scheduleCheckpointIfDue()
        logger.notice("run read again", metadata: ["run": "\(name)", "step": .stringConvertible(step)])
    }

    private var isSettled: Bool {
        guard let seen else { return false }
        return agreement == .whole && seen == store.generation
    }

    /// - Parameter isTakenOver: whether another server may have had the file. Its steps need not be in the log; but where steps of
    ///   ours are only in memory it would have raised the epoch, and where none are nothing is lost by reading all again.
    private func agree(with row: RunRecord, isTakenOver: Bool) throws {
        guard row.isRight else { throw RecoveryFailure.damagedRow }
        let isOurs = !isTakenOver || checkpointing.isAhead && row.isAhead
        guard agreement != .lost, isOurs, row.epoch == epoch, try store.prunedSequence(of: id) <= checkpointing.logSequence,
            try store.lastSequence(of: id) >= checkpointing.logSequence, let start = try wholeStart()
        else { return try rebuild(row) }
        try store.forEachLogEntry(of: id, after: start, through: checkpointing.logSequence) { _, body in _ = try body() }
        history.doubt()
        try replayLog(after: checkpointing.logSequence)
        try findAcknowledgedRecords()
    }

    /// The last record in what a start would begin with, the newest checkpoint or the run's beginning; nil if that is damaged.
    private func wholeStart() throws -> Int64? {
        guard let point = try store.recoveryPoints(of: id).first else { return nil }
        do {
            if case .checkpoint(let checkpoint) = point {
                for tensor in try store.tensors(of: checkpoint.id) { _ = try read(tensor) }
            }
        } catch let error as StorageError where error.isDamage {
            return nil
        }
        return point.sequence
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
