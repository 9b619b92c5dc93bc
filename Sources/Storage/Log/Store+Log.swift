import Crypto
import Foundation
import GRDB
public import Memory

extension Store {
    /// Appends an entry to a run's log in one durable transaction. An ``LogEntry/Kind/stateImport`` gives the run its epoch in
    /// the same transaction and clears `isAhead`: steps before it are no loss any more.
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
    public func beginAppending(_ entry: LogEntry, body: [UnsafeRawBufferPointer], to run: Int64) throws(StorageError) -> LogCommit {
        let parts = body.flatMap { PartTable.split($0, size: partSize) }
        let byteCount = body.reduce(0) { $0 + $1.count }
        let (sequence, commit) = try writeSoon { db in
            let sequence = try lastSequence(of: run, in: db) + 1
            try db.cachedStatement(sql: Store.insertEntry).execute(arguments: [
                run, sequence, entry.kind.rawValue, entry.parameter, entry.step, entry.epoch, entry.attributes,
                Data(entry.bodyDigest), entry.previousAnswerDigest.map { Data($0) }, byteCount, parts.count,
                Date().timeIntervalSince1970,
            ])
            for (ordinal, part) in parts.enumerated() {
                try PartTable.log.insert(part, key: [run, sequence], ordinal: ordinal, in: db)
            }
            if entry.kind == .stateImport { try updateRun(run, set: "epoch = ?, is_ahead = 0", entry.epoch, in: db) }
            KillPoint.reach(.beforeLog)
            return sequence
        }
        commit.begin()
        KillPoint.reach(.beforeApply)
        noteWritten(byteCount)
        return LogCommit(sequence: sequence, run: run, commit: commit)
    }

    /// Returns when an entry is durable.
    ///
    /// - Throws: ``StorageError/Kind/syncFailed``: it may or may not be there when the file has been opened anew.
    public func finish(_ entry: LogCommit) throws(StorageError) {
        try wait(for: entry.commit)
        entry.commit.opening.keeping?.acknowledged.note(entry.sequence, of: entry.run)
        KillPoint.reach(.afterLog)
    }

    /// Calls `body` with each entry after `sequence`, up to `end`, in order, and with a function that reads the entry's bytes.
    ///
    /// Each entry is a short read of its own, so `body` may use the store. Entries that a checkpoint has made
    /// superfluous are not there any more.
    ///
    /// - Throws: ``StorageError/Kind/corrupt(what:)`` when a sequence number is missing or when bytes read differ from
    ///   their SHA-256; ``StorageError/Kind/notFound`` without such a run, or when the entry has been pruned before its
    ///   bytes were read; and what `body` throws.
    public func forEachLogEntry(
        of run: Int64, after sequence: Int64 = 0, through end: Int64 = .max, _ body: (LogRecord, () throws -> AlignedBuffer) throws -> Void
    ) throws {
        var last = sequence
        while last < end, let record = try nextEntry(of: run, after: last) {
            try body(record) { try readBody(of: record, run: run) }
            last = record.sequence
        }
    }

    /// The newest entry's sequence number, counting entries that have been pruned; 0 before the first.
    public func lastSequence(of run: Int64) throws(StorageError) -> Int64 {
        try read { try lastSequence(of: run, in: $0) }
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

    private func prunedThrough(_ run: Int64, in db: Database) throws -> Int64 {
        let statement = try db.cachedStatement(sql: "SELECT pruned_through FROM run WHERE id = ? AND deleted = 0")
        guard let pruned = try Int64.fetchOne(statement, arguments: [run]) else { throw StorageError.noRun(run) }
        return pruned
    }

    private func countLog(_ expression: String, of run: Int64, in db: Database) throws -> Int {
        let pruned = try prunedThrough(run, in: db)
        let sql = "SELECT \(expression) FROM log_entry WHERE run = ? AND sequence > ?"
        return try Int.fetchOne(db.cachedStatement(sql: sql), arguments: [run, pruned]) ?? 0
    }

    private func nextEntry(of run: Int64, after last: Int64) throws(StorageError) -> LogRecord? {
        try read { db in
            let start = max(last, try prunedThrough(run, in: db))
            let sql = "SELECT * FROM log_entry WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT 1"
            guard let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [run, start]) else { return nil }
            let sequence: Int64 = row["sequence"]
            guard sequence == start + 1 else {
                throw StorageError.corrupt(Store.entryName(start + 1, run: run), "is missing although entry \(sequence) is there")
            }
            guard let record = LogRecord(row) else {
                throw StorageError.corrupt(Store.entryName(sequence, run: run), "has an unknown kind")
            }
            return record
        }
    }

    private func readBody(of record: LogRecord, run: Int64) throws(StorageError) -> AlignedBuffer {
        let what = Store.entryName(record.sequence, run: run)
        let buffer = AlignedBuffer(count: record.byteCount)
        do {
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

    private static let insertEntry = """
        INSERT INTO log_entry (run, sequence, kind, parameter, step, epoch, attributes, body_digest, previous_answer_digest,
            byte_count, part_count, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
}

extension LogRecord {
    /// Nil when the kind is none that this build knows.
    fileprivate init?(_ row: Row) {
        guard let kind = LogEntry.Kind(rawValue: row["kind"]) else { return nil }
        self.init(
            sequence: row["sequence"],
            entry: LogEntry(
                kind: kind, parameter: row["parameter"], step: row["step"], epoch: row["epoch"], attributes: row["attributes"],
                bodyDigest: [UInt8](row["body_digest"] as Data),
                previousAnswerDigest: (row["previous_answer_digest"] as Data?).map { [UInt8]($0) }),
            byteCount: row["byte_count"],
            createdAt: Date(timeIntervalSince1970: row["created_at"]),
            partCount: row["part_count"])
    }
}
