import Crypto
import Foundation
import GRDB
import Logging
import Memory
import Synchronization

@testable import Storage

/// A temporary directory with a database in it, removed when the test ends.
final class Workspace {
    let directory: URL
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("lather-storage-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    func path(_ name: String = "database") -> String { directory.appendingPathComponent(name).path }

    func open(_ name: String = "database", partSize: Int = 1000) throws -> Store {
        try Store(path: path(name), logger: logger, partSize: partSize)
    }

    /// What a crash at this moment would leave: the file and its WAL. The shared memory file goes with the machine.
    func crash(_ name: String = "database", to copy: String) throws {
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: path(name + suffix)) {
            try FileManager.default.copyItem(atPath: path(name + suffix), toPath: path(copy + suffix))
        }
    }

    func digest(of name: String) throws -> [UInt8] {
        [UInt8](SHA256.hash(data: try Data(contentsOf: URL(fileURLWithPath: path(name)))))
    }

    /// Changes one bit in the middle of the only place where the file holds `bytes`.
    func flipBit(of bytes: [UInt8], in name: String = "database") throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path(name)))
        let range = data.range(of: Data(bytes))!
        data[(range.lowerBound + range.upperBound) / 2] ^= 1
        try data.write(to: URL(fileURLWithPath: path(name)))
    }

    /// The descriptors through which this process has a file open.
    func openDescriptors(of name: String) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }.filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path(name)
        }
    }

    func execute(_ sql: String, on name: String = "database") throws {
        let queue = try DatabaseQueue(path: path(name))
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }
}

extension Store {
    func execute(_ sql: String) throws {
        try withConnection { try $0.execute(sql: sql) }
    }

    /// Leaves the files as `kill -9` does, the notes of acknowledged records among them, and free to be opened.
    func endAsIfKilled() throws {
        let opening = state.withLock { $0.opening }
        try opening.close(keepingWAL: true)
        opening.keeping?.lock.unlock()
    }

    func suspectFailedSync() {
        suspect(state.withLock { $0.opening }, .failedSync(StorageError(.syncFailed, "no")))
    }

    func value(_ sql: String) throws -> Int {
        try withConnection { try Int.fetchOne($0, sql: sql) ?? 0 }
    }

    /// Rows of every table of ours.
    func rowCounts() throws -> [String: Int] {
        try withConnection { db in
            let tables = try String.fetchAll(db, sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            return try Dictionary(uniqueKeysWithValues: tables.map { ($0, try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") ?? 0) })
        }
    }

    @discardableResult
    func append(_ bytes: [UInt8], step: Int, to run: RunRecord) throws -> Int64 {
        let commit = try beginWriting(bytes, step: step, to: run)
        try finish(commit)
        return commit.sequence
    }

    func beginWriting(_ bytes: [UInt8], step: Int, to run: RunRecord, after previous: Int64? = nil) throws -> LogCommit {
        let entry = LogEntry(kind: .step, step: step, epoch: 0, attributes: "{}", bodyDigest: [UInt8](SHA256.hash(data: bytes)))
        return try bytes.withUnsafeBytes { try beginAppending(entry, body: [$0], to: run.id, after: previous) }
    }

    func log(of run: RunRecord, after sequence: Int64? = nil) throws -> [(LogRecord, [UInt8])] {
        var entries: [(LogRecord, [UInt8])] = []
        try forEachLogEntry(of: run.id, after: sequence) { record, body in entries.append((record, copy(try body()))) }
        return entries
    }

    @discardableResult
    func checkpoint(
        _ run: RunRecord, step: Int, sequence: Int64 = 0, epoch: Int = 0, label: String? = nil, keeping: Int = 3,
        tensors: [String: [UInt8]] = ["w": [1, 2, 3]]
    ) throws -> CheckpointRecord {
        let header = CheckpointHeader(step: step, epoch: epoch, sequence: sequence, label: label, metadata: "{\"a\":1}")
        let writer = try beginCheckpoint(of: run.id, header)
        for (name, bytes) in tensors.sorted(by: { $0.key < $1.key }) { try writer.append(name, bytes) }
        return try writer.finish(keeping: keeping)
    }

    func bytes(of tensor: CheckpointTensor) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: tensor.byteCount)
        try bytes.withUnsafeMutableBytes { try read(tensor, into: $0) }
        return bytes
    }
}

extension CheckpointWriter {
    func append(_ name: String, _ bytes: [UInt8], kind: CheckpointTensor.Kind = .state) throws {
        try bytes.withUnsafeBytes { try append(kind: kind, name: name, dtype: "U8", shape: [bytes.count], bytes: $0) }
    }
}

/// A buffer's bytes as an array. (The buffer must outlive the view of its bytes.)
func copy(_ buffer: AlignedBuffer) -> [UInt8] {
    withExtendedLifetime(buffer) { [UInt8](buffer.bytes) }
}

/// Bytes that look random and differ between seeds.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

/// The kind of the `StorageError` that `body` throws, nil when it throws none.
func failure(_ body: () throws -> Void) -> StorageError.Kind? {
    do {
        try body()
        return nil
    } catch {
        return (error as? StorageError)?.kind
    }
}
