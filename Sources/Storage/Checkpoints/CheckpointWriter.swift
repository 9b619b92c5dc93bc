import Foundation
import GRDB

/// Writes one checkpoint tensor by tensor, in short transactions between which steps can be stored.
///
/// Used by one thread. After an error the checkpoint cannot be finished any more; ``abandon()`` gives its space back
/// (so does the next start of the store).
public final class CheckpointWriter {
    private let store: Store
    private let run: Int64
    private let id: Int64
    private let header: CheckpointHeader
    private let begun: ContinuousClock.Instant
    private var tensorCount = 0
    private var waiting: [Waiting] = []
    private var waitingBytes = 0
    private var isOpen = true

    /// A tensor that shares a transaction with others.
    private struct Waiting {
        let tensor: NewTensor
        let bytes: [UInt8]
    }

    /// How a run goes on from its new checkpoint.
    public enum Lineage: Sendable {
        /// As before.
        case continued
        /// From an earlier moment, under the checkpoint's epoch: the checkpoint to be replaced, whose label this one takes over, is
        /// dropped with all newer ones; nil drops none.
        case restored(replacing: Int64?)
    }

    private struct NewTensor {
        let ordinal: Int
        let kind: CheckpointTensor.Kind
        let name: String
        let dtype: String
        let shape: [Int]
        let byteCount: Int
        let sha256: [UInt8]
    }

    /// Tensors below this size are copied and written together: a run can have thousands, and each commit is an fsync.
    static let smallTensor = 256 << 10
    /// Bytes a transaction takes at most, about 5 ms of SQLite's time, for which the steps of all runs wait.
    static let transactionBytes = 4 << 20
    static let transactionTensors = 512

    init(store: Store, run: Int64, id: Int64, header: CheckpointHeader, begun: ContinuousClock.Instant) {
        self.store = store
        self.run = run
        self.id = id
        self.header = header
        self.begun = begun
    }

    /// Adds a tensor. The bytes are read during the call only.
    ///
    /// - Throws: ``StorageError/Kind/notFound`` when the run has been deleted meanwhile.
    public func append(
        kind: CheckpointTensor.Kind, name: String, dtype: String, shape: [Int], bytes: UnsafeRawBufferPointer
    ) throws(StorageError) {
        precondition(isOpen, "a checkpoint takes no tensor after an error or its end")
        let tensor = NewTensor(
            ordinal: tensorCount, kind: kind, name: name, dtype: dtype, shape: shape, byteCount: bytes.count, sha256: sha256(bytes))
        tensorCount += 1
        KillPoint.reach(.inCheckpoint)
        if bytes.count < CheckpointWriter.smallTensor {
            waiting.append(Waiting(tensor: tensor, bytes: [UInt8](bytes)))
            waitingBytes += bytes.count
            guard waitingBytes >= CheckpointWriter.transactionBytes || waiting.count >= CheckpointWriter.transactionTensors else { return }
            try closingOnError { () throws(StorageError) in try flush() }
        } else {
            try closingOnError { () throws(StorageError) in try writeLarge(tensor, bytes) }
        }
    }

    /// Makes the checkpoint count.
    ///
    /// One transaction completes it, drops the log up to its sequence number (but for the reserve), drops the run's oldest unlabelled
    /// checkpoints but the newest `count` (labelled ones stay, and this one), replaces an earlier checkpoint of the same
    /// epoch and step, whose label it takes over if it has none, and clears the run's mark (``Store/markAhead(_:of:)``) and its
    /// unfinished recoveries: who makes a checkpoint is back.
    ///
    /// - Parameter mark: the last mark that was set before the moment of the checkpoint; a later one stays. Left out, any is
    ///   cleared.
    /// - Throws: ``StorageError/Kind/notFound`` when the run has been deleted meanwhile.
    public func finish(
        keeping count: Int, covering mark: Int = .max, lineage: Lineage = .continued
    ) throws(StorageError) -> CheckpointRecord {
        precondition(isOpen, "a checkpoint is not finished after an error or its end")
        let record = try closingOnError { () throws(StorageError) in
            try flush()
            KillPoint.reach(.beforeCompletion)
            let (record, holdsMore) = try store.write { try complete(keeping: count, mark, lineage, in: $0) }
            if holdsMore { store.keeping?.acknowledged.note(checkpoint: record.id, of: run) }
            return record
        }
        isOpen = false
        store.meter.noteCheckpoint(byteCount: record.byteCount, seconds: record.duration)
        KillPoint.reach(.beforePruning)
        store.sweepOrWarn()
        return record
    }

    /// Gives up: what has been written is deleted. Allowed at any time; after ``finish(keeping:covering:lineage:)`` it does nothing.
    public func abandon() throws(StorageError) {
        isOpen = false
        waiting = []
        try store.write { db in
            try db.execute(sql: "UPDATE checkpoint SET state = 'dropped' WHERE id = ? AND state = 'writing'", arguments: [id])
        }
        store.sweepOrWarn()
    }

    private func closingOnError<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
        do {
            return try body()
        } catch {
            isOpen = false
            throw error
        }
    }

    private func flush() throws(StorageError) {
        guard !waiting.isEmpty else { return }
        try store.write { db in
            for item in waiting {
                let row = try insert(item.tensor, in: db)
                try item.bytes.withUnsafeBytes { bytes in
                    let parts = PartTable.split(bytes, size: store.partSize)
                    try insert(parts[...], of: row, in: db)
                }
            }
        }
        store.noteWritten(waitingBytes)
        waiting = []
        waitingBytes = 0
    }

    /// Row and first parts in one transaction, further parts in as many as it takes.
    private func writeLarge(_ tensor: NewTensor, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        let parts = PartTable.split(bytes, size: store.partSize)
        let partsAtOnce = max(1, CheckpointWriter.transactionBytes / store.partSize)
        var row: Int64?
        for first in stride(from: 0, to: parts.count, by: partsAtOnce) {
            let piece = parts[first..<min(first + partsAtOnce, parts.count)]
            row = try store.write { db in
                if row != nil { try requireWriting(db) }
                let row = try row ?? insert(tensor, in: db)
                try insert(piece, of: row, in: db)
                return row
            }
            store.noteWritten(piece.reduce(0) { $0 + $1.count })
        }
    }

    private func insert(_ tensor: NewTensor, in db: Database) throws -> Int64 {
        try requireWriting(db)
        let sql = """
            INSERT INTO tensor (checkpoint, ordinal, kind, name, dtype, shape, byte_count, part_count, sha256)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        let partCount = (tensor.byteCount + store.partSize - 1) / store.partSize
        try db.cachedStatement(sql: sql).execute(arguments: [
            id, tensor.ordinal, tensor.kind.rawValue, tensor.name, tensor.dtype, CheckpointTensor.text(of: tensor.shape),
            tensor.byteCount, partCount, Data(tensor.sha256),
        ])
        return db.lastInsertedRowID
    }

    /// Throws when the run has been deleted or the file opened anew meanwhile.
    private func requireWriting(_ db: Database) throws {
        let statement = try db.cachedStatement(sql: "SELECT 1 FROM checkpoint WHERE id = ? AND state = 'writing'")
        guard try Int.fetchOne(statement, arguments: [id]) == nil else { return }
        _ = try store.requireRun(run, in: db)
        throw StorageError(.other, "The checkpoint was given up, because the database was opened anew. It can be made again.")
    }

    private func insert(_ parts: ArraySlice<UnsafeRawBufferPointer>, of tensor: Int64, in db: Database) throws {
        for (ordinal, part) in zip(parts.indices, parts) {
            try PartTable.tensor.insert(part, key: [tensor], ordinal: ordinal, in: db)
        }
    }

    /// - Returns: the checkpoint, and whether it holds what the log does not tell.
    private func complete(
        keeping count: Int, _ mark: Int, _ lineage: Lineage, in db: Database
    ) throws -> (CheckpointRecord, holdsMore: Bool) {
        try requireWriting(db)
        // Checkpoints of a run only go forward, so this one's moment is of a time before somebody else's.
        guard try store.prunedThrough(run, in: db) <= header.sequence else {
            throw StorageError(.conflict, "Somebody else has made a checkpoint of run \(run).")
        }
        let predecessor = try store.predecessor(in: run, lineage, in: db)
        let assignment = "is_ahead = iif(is_ahead <= ?, 0, is_ahead), pruned_through = max(pruned_through, ?), unfinished_recoveries = 0"
        try store.updateRun(run, set: assignment, mark, header.sequence, in: db)
        var header = header
        if header.label == nil {
            header.label = try String.fetchOne(
                db, sql: "SELECT label FROM checkpoint WHERE \(CheckpointWriter.sameStep) AND label IS NOT NULL",
                arguments: [run, header.epoch, header.step])
        }
        try db.execute(
            sql: "UPDATE checkpoint SET state = 'dropped' WHERE \(CheckpointWriter.sameStep)",
            arguments: [run, header.epoch, header.step])
        if case .restored(let replaced) = lineage {
            try store.updateRun(run, set: "epoch = ?, is_ahead = 0", header.epoch, in: db)
            if let replaced { header.label = try drop(from: replaced, in: db) }
        }
        let tensors = try store.tensors(of: id, in: db)
        let elapsed = begun.duration(to: .now) / .seconds(1)
        try db.execute(
            sql: """
                UPDATE checkpoint SET state = 'complete', label = ?, byte_count = ?, duration = ?, digest = ?
                WHERE id = ? AND state = 'writing'
                """,
            arguments: [
                header.label, tensors.reduce(0) { $0 + $1.byteCount }, elapsed, Data(CheckpointDigest.compute(header, tensors)), id,
            ])
        guard db.changesCount == 1, let record = try store.checkpoint(id, in: db) else { throw StorageError.noCheckpoint(id) }
        try db.execute(
            sql: """
                UPDATE checkpoint SET state = 'dropped'
                WHERE run = :run AND state = 'complete' AND label IS NULL AND id <> :id AND id NOT IN (
                    SELECT id FROM checkpoint WHERE run = :run AND state = 'complete' AND label IS NULL ORDER BY id DESC LIMIT :count)
                """,
            arguments: ["run": run, "id": id, "count": max(0, count)])
        try store.keepReserve(from: predecessor, behind: record, of: run, in: db)
        return (record, predecessor == nil)
    }

    /// Drops a checkpoint and all newer ones; answers its label.
    private func drop(from checkpoint: Int64, in db: Database) throws -> String? {
        let label = try String.fetchOne(db, sql: "SELECT label FROM checkpoint WHERE id = ?", arguments: [checkpoint])
        try db.execute(
            sql: "UPDATE checkpoint SET state = 'dropped' WHERE run = ? AND state = 'complete' AND id >= ?", arguments: [run, checkpoint])
        return label
    }

    private static let sameStep = "run = ? AND state = 'complete' AND epoch = ? AND step = ?"
}
