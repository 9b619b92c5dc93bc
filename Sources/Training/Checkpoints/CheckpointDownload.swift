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
        /// These bytes of the buffer.
        case part(AlignedBuffer, Range<Int>)
    }

    /// Bytes in memory for each reader, who may be slow; smaller pieces would take longer to find than to read.
    private static let pieceBytes = 64 << 10

    /// Bytes of the whole file.
    public let byteCount: Int
    /// SHA-256 of everything that makes the file: two files of the same digest have the same bytes.
    public let digest: [UInt8]
    private let header: [UInt8]
    private let tensors: [CheckpointTensor]
    private let store: Store
    /// Pruning must not cut a slow reader off.
    private let keeper: CheckpointKeeper
    private let threads: WorkerThreads
    // Invariant: what follows is touched by one caller at a time; a response asks for its pieces in turn.
    /// The bytes of the file that are still to be given.
    private var wanted: Range<Int>
    /// The tensor that is read next, and where in the file it begins.
    private var tensorIndex = 0
    private var tensorStart: Int
    /// The part of it that is read next, how much of that has been read, and how much of the file.
    private var partIndex = 0
    private var partOffset = 0
    private var reached: Int
    /// Of the tensor as far as it has been read.
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
        self.tensors = tensors
        digest = Array(SHA256.hash(data: header + tensors.flatMap(\.sha256)))
        wanted = 0..<byteCount
        tensorStart = header.count
        reached = header.count
        self.store = store
        self.threads = threads
    }

    /// A checkpoint's tensor as the file names it.
    private static func spec(_ tensor: CheckpointTensor) -> TensorSpec? {
        let name = TensorName(tensor.kind == .weights ? "\(tensor.name).weight" : tensor.name, maximumByteCount: 1024)
        return name.map { TensorSpec(name: $0, dtype: .f32, shape: tensor.shape) }
    }

    /// Gives only these bytes of the file. To be called before ``next()``.
    public func select(_ range: Range<Int>) {
        wanted = range
    }

    /// The next piece in order, or nil after the last.
    ///
    /// - Throws: what the database throws, and instead of the last piece of
    ///   a tensor whose bytes are not those that were written, so that no reader takes the file for whole. A tensor of which only a
    ///   range is wanted is read to its end for that.
    public func next() async throws -> Piece? {
        guard !wanted.isEmpty else { return nil }
        if wanted.lowerBound < header.count {
            let range = wanted.clamped(to: 0..<header.count)
            wanted = range.upperBound..<wanted.upperBound
            return .header(Array(header[range]))
        }
        while tensorStart + tensors[tensorIndex].byteCount <= wanted.lowerBound {
            tensorStart += tensors[tensorIndex].byteCount
            tensorIndex += 1
            reached = tensorStart
        }
        let tensor = tensors[tensorIndex]
        let end = min(tensorStart + tensor.byteCount, wanted.upperBound)
        while true {
            let piece = try await readPiece(of: tensor)
            let start = reached - piece.count
            let range = (wanted.lowerBound..<end).clamped(to: start..<reached)
            guard !range.isEmpty else { continue }
            if range.upperBound == end { try await finish(tensor) }
            wanted = range.upperBound..<wanted.upperBound
            return .part(piece, range.lowerBound - start..<range.upperBound - start)
        }
    }

    private func readPiece(of tensor: CheckpointTensor) async throws -> AlignedBuffer {
        let (piece, isLast) = try await threads.perform { [store, partIndex, partOffset] in
            try store.readPart(partIndex, of: tensor, from: partOffset, upTo: CheckpointDownload.pieceBytes)
        }
        hash.update(bufferPointer: piece.bytes)
        reached += piece.count
        partOffset = isLast ? 0 : partOffset + piece.count
        if isLast { partIndex += 1 }
        return piece
    }

    /// Reads what is left of a tensor, and goes on to the next one if this one has the bytes that were written.
    private func finish(_ tensor: CheckpointTensor) async throws {
        while partIndex < tensor.partCount { _ = try await readPiece(of: tensor) }
        guard Array(hash.finalize()) == tensor.sha256 else {
            throw TrainingError(.storageDamaged, "The checkpoint's tensor \"\(tensor.name)\" is damaged on disk.")
        }
        hash = SHA256()
        partIndex = 0
        tensorStart += tensor.byteCount
        tensorIndex += 1
        reached = tensorStart
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
