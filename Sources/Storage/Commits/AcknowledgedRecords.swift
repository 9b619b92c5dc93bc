import CStorage
import Foundation

/// Which log records have been made durable, noted beside the database.
///
/// SQLite takes a write-ahead log to end at the first frame that is not whole. That is right for one that was being written
/// when the power went; but a bit that flips later makes acknowledged records vanish without a word. The note tells them
/// apart. It is written after a record is durable and is never synced itself, so it may lag behind, but never claims too much.
struct AcknowledgedRecords: Sendable {
    /// Of the lock file, which is there as long as the database is.
    private let descriptor: Int32

    /// - Parameters:
    ///   - lock: the open lock file, in which the notes are kept: 24 bytes that say of which database, then 8 a run.
    ///   - database: the file they are about. Notes about another one are cleared.
    init(lock: Int32, database: String) {
        descriptor = lock
        guard !isAbout(database) else { return }
        ftruncate(lock, 0)
        let header = AcknowledgedRecords.header(database)
        pwrite(lock, header, header.count, 0)
    }

    /// Notes to look at.
    init(reading lock: Int32) {
        descriptor = lock
    }

    /// Whether the notes are about this file.
    func isAbout(_ database: String) -> Bool {
        let header = AcknowledgedRecords.header(database)
        var found = [UInt8](repeating: 0, count: header.count)
        return pread(descriptor, &found, found.count, 0) == header.count && found == header
    }

    /// The runs of which records were noted.
    var runs: [Int64] {
        let slots = (Int(lseek(descriptor, 0, SEEK_END)) - AcknowledgedRecords.headerByteCount) / 8
        return (0..<Int64(max(0, slots))).filter { sequence(of: $0) != 0 }
    }

    /// What is noted beside a database, for who only looks: nothing when the notes are about another file.
    static func sequences(besides database: String) -> [Int64: Int64] {
        let descriptor = open(database + "-lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [:] }
        defer { close(descriptor) }
        let records = AcknowledgedRecords(reading: descriptor)
        guard records.isAbout(database) else { return [:] }
        return Dictionary(uniqueKeysWithValues: records.runs.map { ($0, records.sequence(of: $0)) })
    }

    /// Copies the notes of another lock file of the same database to one that has none.
    static func carry(from old: Int32, to new: Int32) {
        guard lseek(new, 0, SEEK_END) == 0 else { return }
        var bytes = [UInt8](repeating: 0, count: Int(lseek(old, 0, SEEK_END)))
        let count = pread(old, &bytes, bytes.count, 0)
        if count > 0 { pwrite(new, bytes, count, 0) }
    }

    static let headerByteCount = 24

    /// The newest record of a run that was noted; 0 is none.
    func sequence(of run: Int64) -> Int64 {
        var value: Int64 = 0
        guard pread(descriptor, &value, 8, AcknowledgedRecords.offset(run)) == 8 else { return 0 }
        return Int64(littleEndian: value)
    }

    /// Notes that a record is durable. A full disk may not take the note, which then lags behind.
    func note(_ sequence: Int64, of run: Int64) {
        var value = sequence.littleEndian
        pwrite(descriptor, &value, 8, AcknowledgedRecords.offset(run))
    }

    /// Forgets all. For a clean stop: nothing is left in the write-ahead log, and whoever then puts a backup in the database's
    /// place is right.
    func clear() {
        ftruncate(descriptor, 0)
    }

    private static func offset(_ run: Int64) -> Int { headerByteCount + 8 * Int(run) }

    static func header(_ database: String) -> [UInt8] {
        var identity: [UInt64] = [0, 0]
        lather_file_identity(database, &identity)
        return Array("LTHRACK1".utf8) + identity.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    }
}
