import Crypto
import Foundation
public import Memory
import Safetensors
import Storage
import StrictJSON

/// A checkpoint on its way out as one safetensors file, read from the database part by part.
///
/// Tensors are named `NAME.exp_avg`, `NAME.exp_avg_sq`, `NAME.factor.D`, `NAME.basis.D`, hosted weights `NAME.weight`.
public final class CheckpointDownload: @unchecked Sendable {
    /// What comes next.
    public enum Piece: Sendable {
        case header([UInt8])
        case part(AlignedBuffer)
    }

    /// Bytes in memory for each reader, who may be slow; smaller pieces would take longer to find than to read.
    private static let pieceBytes = 64 << 10

    /// Bytes of the whole file.
    public let byteCount: Int
    private let header: [UInt8]
    private let parts: [(tensor: CheckpointTensor, index: Int)]
    private let store: Store
    /// Pruning must not cut a slow reader off.
    private let keeper: CheckpointKeeper
    private let threads: WorkerThreads
    // Invariant: what follows is touched by one caller of `next` at a time; a response asks for its pieces in turn.
    private var position = -1
    /// Bytes of the present part that have been read.
    private var offset = 0
    /// Of the tensor that is being read.
    private var hash = SHA256()

    /// nil when the checkpoint has just been replaced or pruned.
    init?(_ checkpoint: CheckpointRecord, of run: RunName, store: Store, threads: WorkerThreads) throws(TrainingError) {
        keeper = store.keep(checkpoint.id)
        let tensors: [CheckpointTensor]
        do {
            tensors = try store.tensors(of: checkpoint.id).filter { $0.kind != .answer }
        } catch {
            if error.kind == .notFound { return nil }
            throw TrainingError(error)
        }
        do throws(SafetensorsError) {
            let layout = try SafetensorsLayout(
                tensors.compactMap(CheckpointDownload.spec),
                metadata: [
                    ("format", "lather"), ("version", "1"), ("run", run.description), ("step", "\(checkpoint.header.step)"),
                    ("epoch", "\(checkpoint.header.epoch)"), ("state", checkpoint.header.metadata),
                ])
            header = layout.header
            byteCount = layout.byteCount
        } catch {
            throw TrainingError(.storageUnavailable, "The checkpoint cannot be written as one file: \(error.detail).")
        }
        parts = tensors.flatMap { tensor in (0..<tensor.partCount).map { (tensor, $0) } }
        self.store = store
        self.threads = threads
    }

    /// A checkpoint's tensor as the file names it.
    private static func spec(_ tensor: CheckpointTensor) -> TensorSpec? {
        let name = TensorName(tensor.kind == .weights ? "\(tensor.name).weight" : tensor.name, maximumByteCount: 1024)
        return name.map { TensorSpec(name: $0, dtype: .f32, shape: tensor.shape) }
    }

    /// The next piece in order, or nil after the last.
    ///
    /// - Throws: what the database throws, and instead of the last part of
    ///   a tensor whose bytes are not those that were written, so that no reader takes the file for whole.
    public func next() async throws -> Piece? {
        if position < 0 {
            position = 0
            return .header(header)
        }
        guard position < parts.count else { return nil }
        let (tensor, index) = parts[position]
        let (piece, isLast) = try await threads.perform { [store, offset] in
            try store.readPart(index, of: tensor, from: offset, upTo: CheckpointDownload.pieceBytes)
        }
        hash.update(bufferPointer: piece.bytes)
        offset += piece.count
        guard isLast else { return .part(piece) }
        offset = 0
        position += 1
        if index == tensor.partCount - 1 {
            guard Array(hash.finalize()) == tensor.sha256 else {
                throw TrainingError(.storageDamaged, "The checkpoint's tensor \"\(tensor.name)\" is damaged on disk.")
            }
            hash = SHA256()
        }
        return .part(piece)
    }
}

extension Run {
    /// The whole state of a checkpoint as safetensors.
    public func download(checkpointAt step: Int) throws(TrainingError) -> CheckpointDownload {
        while true {
            let record = try record(ofCheckpointAt: step)
            if let download = try CheckpointDownload(record, of: name, store: store, threads: surroundings.readers) { return download }
        }
    }
}
