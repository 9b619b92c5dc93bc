import Foundation
import GRDB
public import Memory

extension Store {
    /// Begins a checkpoint. It counts when ``CheckpointWriter/finish(keeping:covering:history:)`` has returned, and vanishes otherwise.
    ///
    /// - Parameter takeovers: how often the lock had been taken anew when the run was last read.
    /// - Throws: ``StorageError/Kind/other`` when `header.sequence` is beyond the log, ``StorageError/Kind/conflict`` when another
    ///   server may have written since the run was last read.
    public func beginCheckpoint(
        of run: Int64, _ header: CheckpointHeader, after takeovers: Int? = nil
    ) throws(StorageError) -> CheckpointWriter {
        let begun = ContinuousClock.now
        let id = try write { db in
            guard takeovers == nil || takeovers == state.withLock({ $0.generation.takeovers }) else {
                throw StorageError(.conflict, "Somebody else may have gone on with run \(run).")
            }
            guard try header.sequence <= lastSequence(of: run, in: db) else {
                throw StorageError(.other, "A checkpoint cannot contain log entry \(header.sequence) of run \(run): there is none.")
            }
            try db.execute(
                sql: """
                    INSERT INTO checkpoint (run, state, step, epoch, sequence, label, metadata, created_at)
                    VALUES (?, 'writing', ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    run, header.step, header.epoch, header.sequence, header.label, header.metadata, Date().timeIntervalSince1970,
                ])
            return db.lastInsertedRowID
        }
        return CheckpointWriter(store: self, run: run, id: id, header: header, begun: begun)
    }

    /// The complete checkpoints of a run, newest last.
    public func checkpoints(of run: Int64) throws(StorageError) -> [CheckpointRecord] {
        try read { db in
            _ = try requireRun(run, in: db)
            let sql = "SELECT * FROM checkpoint WHERE run = ? AND state = 'complete' ORDER BY id"
            return try Row.fetchAll(db, sql: sql, arguments: [run]).map { try CheckpointRecord($0) }
        }
    }

    /// The tensors of a complete checkpoint in the order of writing.
    ///
    /// - Throws: ``StorageError/Kind/corrupt(what:)`` when header or tensors are not those the checkpoint was completed with.
    public func tensors(of checkpoint: Int64) throws(StorageError) -> [CheckpointTensor] {
        try read { db in
            guard let record = try self.checkpoint(checkpoint, in: db) else { throw StorageError.noCheckpoint(checkpoint) }
            let tensors = try tensors(of: checkpoint, in: db)
            guard CheckpointDigest.compute(record.header, tensors) == record.digest else {
                throw StorageError.corrupt("Checkpoint \(checkpoint)", "does not have the header and tensors it was completed with")
            }
            return tensors
        }
    }

    /// Lets a checkpoint be read to its end, whatever is pruned meanwhile, as long as the keeper lives.
    public func keep(_ checkpoint: Int64) -> CheckpointKeeper {
        CheckpointKeeper(checkpoint, among: kept)
    }

    /// Reads a tensor whole.
    ///
    /// - Parameter destination: exactly `tensor.byteCount` bytes; unspecified contents after an error.
    /// - Throws: ``StorageError/Kind/corrupt(what:)`` when the bytes differ from their SHA-256,
    ///   ``StorageError/Kind/notFound`` when the checkpoint has been deleted.
    public func read(_ tensor: CheckpointTensor, into destination: UnsafeMutableRawBufferPointer) throws(StorageError) {
        precondition(destination.count == tensor.byteCount, "a tensor is read into memory of its size")
        do {
            try readParts(.tensor, key: [tensor.id], count: tensor.partCount, into: destination, what: tensor.title)
        } catch {
            if error.kind == .corrupt(what: tensor.title) { try requireTensor(tensor) }
            throw error
        }
        guard sha256(UnsafeRawBufferPointer(destination)) == tensor.sha256 else {
            throw StorageError.corrupt(tensor.title, "does not have the bytes that were written")
        }
    }

    /// Reads one part of a tensor, to send a large one without holding it whole. Parts follow each other without gaps.
    ///
    /// A part has no digest of its own: who reads all parts compares their SHA-256 with the tensor's.
    ///
    /// - Parameters:
    ///   - index: 0 to `tensor.partCount` - 1.
    ///   - offset: where in the part to begin.
    ///   - limit: how many bytes to read at most.
    /// - Returns: the bytes, and whether they are the part's last.
    public func readPart(
        _ index: Int, of tensor: CheckpointTensor, from offset: Int = 0, upTo limit: Int = .max
    ) throws(StorageError) -> (bytes: AlignedBuffer, isLast: Bool) {
        let piece: (AlignedBuffer, Bool)? = try read { db in
            guard let part = try PartTable.tensor.locate(key: [tensor.id], ordinal: index, in: db), offset <= part.byteCount else {
                return nil
            }
            let rest = part.byteCount - offset
            let buffer = AlignedBuffer(count: min(rest, limit))
            try PartTable.tensor.read(row: part.row, from: offset, into: buffer.mutableBytes, in: db)
            return (buffer, buffer.count == rest)
        }
        if let piece { return piece }
        try requireTensor(tensor)
        throw StorageError.corrupt(tensor.title, "lacks part \(index)")
    }

    /// Deletes a complete checkpoint. Whether a run still needs it is the caller's to know.
    public func deleteCheckpoint(_ id: Int64) throws(StorageError) {
        try write { db in
            try db.execute(sql: "UPDATE checkpoint SET state = 'dropped' WHERE id = ? AND state = 'complete'", arguments: [id])
            guard db.changesCount == 1 else { throw StorageError.noCheckpoint(id) }
        }
        sweepOrWarn(shrinking: true)
    }

    func checkpoint(_ id: Int64, in db: Database) throws -> CheckpointRecord? {
        let sql = "SELECT * FROM checkpoint WHERE id = ? AND state = 'complete'"
        return try Row.fetchOne(db, sql: sql, arguments: [id]).map { try CheckpointRecord($0) }
    }

    func tensors(of checkpoint: Int64, in db: Database) throws -> [CheckpointTensor] {
        try Row.fetchAll(db, sql: "SELECT * FROM tensor WHERE checkpoint = ? ORDER BY ordinal", arguments: [checkpoint]).map { row in
            guard let tensor = try CheckpointTensor(row) else {
                throw StorageError.corrupt("A tensor of checkpoint \(checkpoint)", "has an unknown kind or shape")
            }
            return tensor
        }
    }

    /// Tells a tensor that has been deleted from one that is damaged.
    private func requireTensor(_ tensor: CheckpointTensor) throws(StorageError) {
        try read { db in
            let sql = "SELECT state FROM checkpoint JOIN tensor ON tensor.checkpoint = checkpoint.id WHERE tensor.id = ?"
            guard try String.fetchOne(db, sql: sql, arguments: [tensor.id]) == "complete" else {
                throw StorageError(.notFound, "The checkpoint of tensor \(tensor.name) has been deleted meanwhile.")
            }
        }
    }
}

// Nothing of a row is certain before its digest is, so a value of another type is an error and no trap.

extension CheckpointRecord {
    /// - Throws: when a value is of another type than was written.
    init(_ row: Row) throws {
        self.init(
            id: try row.decode(forColumn: "id"),
            header: CheckpointHeader(
                step: try row.decode(forColumn: "step"), epoch: try row.decode(forColumn: "epoch"),
                sequence: try row.decode(forColumn: "sequence"), label: try row.decode(forColumn: "label"),
                metadata: try row.decode(forColumn: "metadata")),
            byteCount: try row.decode(forColumn: "byte_count"), duration: try row.decode(forColumn: "duration"),
            createdAt: Date(timeIntervalSince1970: try row.decode(forColumn: "created_at")),
            digest: [UInt8](try row.decode(Data.self, forColumn: "digest")))
    }
}

extension CheckpointTensor {
    /// Nil when kind or shape make no sense.
    ///
    /// - Throws: when a value is of another type than was written.
    fileprivate init?(_ row: Row) throws {
        guard let kind = Kind(rawValue: try row.decode(forColumn: "kind")),
            let shape = CheckpointTensor.shape(from: try row.decode(forColumn: "shape"))
        else { return nil }
        self.init(
            id: try row.decode(forColumn: "id"), ordinal: try row.decode(forColumn: "ordinal"), kind: kind,
            name: try row.decode(forColumn: "name"), dtype: try row.decode(forColumn: "dtype"), shape: shape,
            byteCount: try row.decode(forColumn: "byte_count"), partCount: try row.decode(forColumn: "part_count"),
            sha256: [UInt8](try row.decode(Data.self, forColumn: "sha256")))
    }

    /// The shape as stored: `768,768`; nothing for a scalar.
    static func text(of shape: [Int]) -> String { shape.map(String.init).joined(separator: ",") }

    private static func shape(from text: String) -> [Int]? {
        let fields = text.split(separator: ",")
        let shape = fields.compactMap { Int($0) }
        return shape.count == fields.count ? shape : nil
    }

    fileprivate var title: String { "Tensor \(name) (\(kind.rawValue), id \(id))" }
}
