import Crypto
import Foundation
import GRDB
public import Memory

extension Store {
    /// Appends an entry to a run's log in one durable transaction. An ``LogEntry/Kind/stateImport`` gives the run its epoch in
    /// the same transaction, clears `isAhead` (steps before it are no loss any more) and discards the history after its step.
    ///
    /// - Parameter body: the entry's bytes in order, bound where they are; `entry.bodyDigest` is the SHA-256 of them all.
    /// - Returns: the entry's sequence number, one more than the last.
    /// - Complexity: two small rows' pages and the body; O(log n) in the length of the log.
    @discardableResult
    public func append(_ entry: LogEntry, body: [UnsafeRawBufferPointer], to run: Int64) throws(StorageError) -> Int64 {
        let commit = try beginAppending(entry, body: body, to: run)
        try finish(commit)
        return commit.sequence
    }

    /// Writes an entry to a run's log, as ``append(_:body:to:)`` does, and begins to make it durable: that goes on beside whatever
    /// the caller does until it calls ``finish(_:)``. Several entries, also of several runs, become durable together.
    ///
    /// - Parameters:
    ///   - makeEntry: asked for when the body has been written, so that the body's digest may still be in the making before; once more
    ///     when the disk was full. It is asked within the transaction, and must not use the store.
    ///   - previous: the newest entry as the caller knows it.
    /// - Throws: ``StorageError/Kind/conflict`` when there is a newer one.
    public func beginAppending(
        _ makeEntry: @autoclosure () -> LogEntry, body: [UnsafeRawBufferPointer], to run: Int64, after previous: Int64? = nil
    ) throws(StorageError) -> LogCommit {
        let parts = body.flatMap { PartTable.split($0, size: partSize) }
        let byteCount = body.reduce(0) { $0 + $1.count }
        let ((sequence, attributesCount), commit) = try writeSoon { db in
            let sequence = try lastSequence(of: run, in: db) + 1
            guard previous == nil || sequence == previous! + 1 else {
                throw StorageError(.conflict, "Somebody else has written to the log of run \(run).")
            }
            // What parts refer to; what it says comes behind them.
            try db.cachedStatement(sql: Store.insertEmptyEntry).execute(arguments: [run, sequence])
            // A page that is being read is not written before the commit. If it were, and then once more, SQLite would read all that
            // comes behind it in the WAL again for its checksums.
            var reader: RowCursor? = try Row.fetchCursor(db.cachedStatement(sql: Store.findEntry), arguments: [run, sequence])
            _ = try reader?.next()
            for (ordinal, part) in parts.enumerated() {
                try PartTable.log.insert(part, key: [run, sequence], ordinal: ordinal, in: db)
            }
            let entry = makeEntry()
            reader = nil
            let values: [any DatabaseValueConvertible] = [
                run, sequence, entry.kind.rawValue, entry.parameter, entry.step, entry.epoch, entry.attributes,
                Data(entry.bodyDigest), entry.previousAnswerDigest.map { Data($0) }, byteCount, parts.count,
                Date().timeIntervalSince1970,
            ]
            let columns = values.map(\.databaseValue)
            let digest = Data(RowDigest.compute(columns)).databaseValue
            try db.cachedStatement(sql: Store.fillEntry).execute(
                arguments: StatementArguments(columns.dropFirst(2) + [digest] + columns.prefix(2)))
            if entry.kind == .stateImport { try updateRun(run, set: "epoch = ?, is_ahead = 0", entry.epoch, in: db) }
            KillPoint.reach(.beforeLog)
            return (sequence, entry.attributes.utf8.count)
        }
        commit.begin()
        KillPoint.reach(.beforeApply)
        noteWritten(byteCount)
        meter.noteRecord(byteCount: byteCount + attributesCount)
        return LogCommit(sequence: sequence, byteCount: byteCount + attributesCount, run: run, commit: commit)
    }

    /// Returns when an entry is durable.
    ///
    /// - Throws: ``StorageError/Kind/syncFailed``: it may or may not be there when the file has been opened anew.
    public func finish(_ entry: LogCommit) throws(StorageError) {
        try wait(for: entry.commit)
        entry.commit.opening.keeping?.acknowledged.note(record: entry.sequence, of: entry.run)
        KillPoint.reach(.afterLog)
    }

    /// Calls `body` with each entry after `sequence`, up to `end`, in order, and with a function that reads the entry's bytes.
    ///
    /// Each entry is a short read of its own, so `body` may use the store. Entries that a checkpoint has made
    /// superfluous are not there any more.
    ///
    /// - Parameters:
    ///   - sequence: the entry before the first one; nil begins with the first that is there.
    ///   - inReserve: whether also entries that are pruned but kept in reserve; see ``recoveryPoints(of:)``.
    /// - Throws: ``StorageError/Kind/corrupt(what:)`` when a sequence number is missing or when an entry or its bytes differ from
    ///   their SHA-256; ``StorageError/Kind/notFound`` without such a run, when the entry after `sequence` has been pruned, or
    ///   when an entry has been before its bytes were read; and what `body` throws.
    public func forEachLogEntry(
        of run: Int64, after sequence: Int64? = nil, through end: Int64 = .max, inReserve: Bool = false,
        _ body: (LogRecord, () throws -> AlignedBuffer) throws -> Void
    ) throws {
        var last = sequence ?? 0
        if sequence != nil, last < end, try read({ try logBegin(of: run, inReserve: inReserve, in: $0) }) > last {
            throw StorageError(.notFound, "\(Store.entryName(last + 1, run: run)) has been pruned.")
        }
        while last < end, let record = try nextEntry(of: run, after: last, inReserve: inReserve) {
            try body(record) { try readBody(of: record, run: run) }
            last = record.sequence
        }
    }

    /// The newest entry's sequence number, counting entries that have been pruned; 0 before the first.
    public func lastSequence(of run: Int64) throws(StorageError) -> Int64 {
        try read { try lastSequence(of: run, in: $0) }
    }

    /// The newest record that has been pruned, whether it is kept in reserve or not; 0 is none.
    public func prunedSequence(of run: Int64) throws(StorageError) -> Int64 {
        try read { try prunedThrough(run, in: $0) }
    }

    /// The newest record in the log of a step of the whole run, or of an import that stands at it; nil without one.
    ///
    /// - Complexity: O(entries).
    public func lastSequence(ofStep step: Int, in run: Int64) throws(StorageError) -> Int64? {
        try read { db in
            let pruned = try prunedThrough(run, in: db)
            let sql = "SELECT max(sequence) FROM log_entry WHERE run = ? AND sequence > ? AND step = ? AND kind IN ('step', 'import')"
            return try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [run, pruned, step])
        }
    }

    /// The newest record in the log before the next step or import after a record; 0 is none.
    ///
    /// - Complexity: O(entries).
    public func lastSequenceBeforeStep(after sequence: Int64, in run: Int64) throws(StorageError) -> Int64 {
        try read { db in
            let start = max(sequence, try prunedThrough(run, in: db))
            let sql = """
                SELECT min(sequence) - 1 FROM log_entry
                WHERE run = ? AND sequence > ? AND kind IN ('step', 'parameterStep', 'import')
                """
            return try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [run, start]) ?? lastSequence(of: run, in: db)
        }
    }

    /// Bytes of the bodies in the log, without what has been pruned.
    ///
    /// - Complexity: O(entries).
    public func logByteCount(of run: Int64) throws(StorageError) -> Int {
        try read { try countLog("coalesce(sum(byte_count), 0)", of: run, in: $0) }
    }

    /// Entries in the log, without what has been pruned.
    ///
    /// - Complexity: O(entries).
    public func logEntryCount(of run: Int64) throws(StorageError) -> Int {
        try read { try countLog("count(*)", of: run, in: $0) }
    }

    func lastSequence(of run: Int64, in db: Database) throws -> Int64 {
        let sql = """
            SELECT max(pruned_through, coalesce((SELECT max(sequence) FROM log_entry WHERE run = run.id), 0))
            FROM run WHERE id = ? AND deleted = 0
            """
        guard let last = try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [run]) else { throw StorageError.noRun(run) }
        return last
    }

    func prunedThrough(_ run: Int64, in db: Database) throws -> Int64 {
        let statement = try db.cachedStatement(sql: "SELECT pruned_through FROM run WHERE id = ? AND deleted = 0")
        guard let pruned = try Int64.fetchOne(statement, arguments: [run]) else { throw StorageError.noRun(run) }
        return pruned
    }

    private func countLog(_ expression: String, of run: Int64, in db: Database) throws -> Int {
        let pruned = try prunedThrough(run, in: db)
        let sql = "SELECT \(expression) FROM log_entry WHERE run = ? AND sequence > ?"
        return try Int.fetchOne(db.cachedStatement(sql: sql), arguments: [run, pruned]) ?? 0
    }

    private func nextEntry(of run: Int64, after last: Int64, inReserve: Bool) throws(StorageError) -> LogRecord? {
        try read { db in
            let pruned = try prunedThrough(run, in: db)
            let start = max(last, try logBegin(of: run, inReserve: inReserve, in: db))
            let what = Store.entryName(start + 1, run: run)
            let sql = "SELECT * FROM log_entry WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT 1"
            guard let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [run, start]) else {
                let known = max(pruned, try lastSequenceWithBytes(of: run, in: db))
                guard start >= known else { throw StorageError.corrupt(what, "is missing") }
                return nil
            }
            guard RowDigest.isRight(row, Schema.logEntryColumns) else {
                throw StorageError.corrupt(what, "does not have the row that was written")
            }
            guard let record = try LogRecord(row) else { throw StorageError.corrupt(what, "has an unknown kind") }
            guard record.sequence == start + 1 else {
                throw StorageError.corrupt(what, "is missing although entry \(record.sequence) is there")
            }
            return record
        }
    }

    /// The newest entry that has bytes: damage to an entry's key hides the entry, but not these.
    private func lastSequenceWithBytes(of run: Int64, in db: Database) throws -> Int64 {
        let sql = "SELECT max(sequence) FROM log_part WHERE run = ?"
        return try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [run]) ?? 0
    }

    /// The record after which the log begins.
    private func logBegin(of run: Int64, inReserve: Bool, in db: Database) throws -> Int64 {
        // Version 1 kept none.
        guard inReserve, schemaVersion > 1 else { return try prunedThrough(run, in: db) }
        let statement = try db.cachedStatement(sql: "SELECT kept_after FROM run WHERE id = ? AND deleted = 0")
        guard let kept = try Int64.fetchOne(statement, arguments: [run]) else { throw StorageError.noRun(run) }
        return kept
    }

    private func readBody(of record: LogRecord, run: Int64) throws(StorageError) -> AlignedBuffer {
        let what = Store.entryName(record.sequence, run: run)
        let buffer: AlignedBuffer
        do throws(StorageError) {
            // Before memory is asked for: no digest speaks for a size that version 1 wrote.
            guard try read({ try PartTable.log.byteCount(key: [run, record.sequence], in: $0) }) == record.byteCount else {
                throw StorageError.corrupt(what, "does not have its \(record.byteCount) bytes")
            }
            buffer = AlignedBuffer(count: record.byteCount)
            try readParts(.log, key: [run, record.sequence], count: record.partCount, into: buffer.mutableBytes, what: what)
        } catch {
            if error.kind == .corrupt(what: what), try read({ try prunedThrough(run, in: $0) }) >= record.sequence {
                throw StorageError(.notFound, "\(what) has been pruned meanwhile.")
            }
            throw error
        }
        guard sha256(buffer.bytes) == record.entry.bodyDigest else {
            throw StorageError.corrupt(what, "does not have the bytes that were written")
        }
        return buffer
    }

    private static func entryName(_ sequence: Int64, run: Int64) -> String { "Log entry \(sequence) of run \(run)" }

    private static let insertEmptyEntry = """
        INSERT INTO log_entry (run, sequence, kind, step, epoch, attributes, body_digest, byte_count, part_count, created_at)
        VALUES (?, ?, '', 0, 0, '', zeroblob(32), 0, 0, 0)
        """

    private static let findEntry = "SELECT kind FROM log_entry WHERE run = ? AND sequence = ?"

    private static let fillEntry = """
        UPDATE log_entry SET \((Schema.logEntryColumns.dropFirst(2) + ["digest"]).map { "\($0) = ?" }.joined(separator: ", "))
        WHERE run = ? AND sequence = ?
        """
}

extension LogRecord {
    /// Nil when the kind is none that this build knows.
    ///
    /// - Throws: when a value is of another type than was written, which a digest that version 1 did not make cannot tell.
    fileprivate init?(_ row: Row) throws {
        guard let kind = LogEntry.Kind(rawValue: try row.decode(forColumn: "kind")) else { return nil }
        self.init(
            sequence: try row.decode(forColumn: "sequence"),
            entry: LogEntry(
                kind: kind, parameter: try row.decode(forColumn: "parameter"), step: try row.decode(forColumn: "step"),
                epoch: try row.decode(forColumn: "epoch"), attributes: try row.decode(forColumn: "attributes"),
                bodyDigest: [UInt8](try row.decode(Data.self, forColumn: "body_digest")),
                previousAnswerDigest: try row.decode(Data?.self, forColumn: "previous_answer_digest").map { [UInt8]($0) }),
            byteCount: try row.decode(forColumn: "byte_count"),
            createdAt: Date(timeIntervalSince1970: try row.decode(forColumn: "created_at")),
            partCount: try row.decode(forColumn: "part_count"))
    }
}
