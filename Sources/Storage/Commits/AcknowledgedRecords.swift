import CStorage
import Foundation
import Memory

/// What has been made durable of each run, noted beside the database.
///
/// SQLite takes a write-ahead log to end at the first frame that is not whole. That is right for one that was being written
/// when the power went; but a bit that flips later makes acknowledged records vanish without a word. The notes tell them
/// apart. A note is written after what it is about is durable and is never synced itself, so it may lag behind, but never claims
/// too much. One that is itself damaged says nothing.
///
/// The lock file holds them: whose they are (24 bytes), whether a sync has failed (8), then 24 bytes a run.
final class AcknowledgedRecords: Sendable {
    struct Note: Equatable {
        /// The newest record of the log; 0 is none.
        var sequence: Int64 = 0
        /// The newest checkpoint that holds what the log does not tell: steps that were not logged, or a restore; 0 is none.
        var checkpoint: Int64 = 0
    }

    private struct State {
        var lock: FileLock
        /// Of the file that the notes are about; nil without one.
        var identity: [UInt8]?
        var notes: [Int64: Note]
        var isInDoubt: Bool
    }

    private let state: Locked<State>

    /// - Parameter lock: the lock file, open and locked.
    init(lock: FileLock) {
        let descriptor = lock.descriptor
        state = Locked(
            State(
                lock: lock, identity: AcknowledgedRecords.identity(in: descriptor), notes: AcknowledgedRecords.notes(in: descriptor),
                isInDoubt: AcknowledgedRecords.isInDoubt(descriptor)))
    }

    /// Whether the notes are about this file.
    func isAbout(_ database: String) -> Bool {
        state.withLock { $0.identity == AcknowledgedRecords.identity(of: database) }
    }

    /// The lock file that holds them.
    var lock: FileLock { state.withLock { $0.lock } }

    /// Whether a sync has failed since the file was last read from its device and found right.
    var isInDoubt: Bool { state.withLock { $0.isInDoubt } }

    var all: [Int64: Note] { state.withLock { $0.notes } }

    func note(of run: Int64) -> Note { state.withLock { $0.notes[run] ?? Note() } }

    /// What is noted beside a database, for who only looks: nothing when the notes are about another file.
    static func notes(besides database: String) -> [Int64: Note] {
        let descriptor = open(database + "-lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [:] }
        defer { close(descriptor) }
        return identity(in: descriptor) == identity(of: database) ? notes(in: descriptor) : [:]
    }

    // MARK: Writing

    /// Begins to note about a file; notes about another one are forgotten.
    func begin(_ database: String) {
        let identity = AcknowledgedRecords.identity(of: database)
        state.withLock { state in
            guard state.identity != identity else { return }
            (state.identity, state.notes, state.isInDoubt) = (identity, [:], false)
            AcknowledgedRecords.write(state)
        }
    }

    /// Notes that a record is durable. A full disk may not take the note, which then lags behind.
    func note(record sequence: Int64, of run: Int64) {
        change(run) { $0.sequence = max($0.sequence, sequence) }
    }

    /// Notes that a checkpoint is durable from which alone the run can go on.
    func note(checkpoint: Int64, of run: Int64) {
        change(run) { $0.checkpoint = max($0.checkpoint, checkpoint) }
    }

    private func change(_ run: Int64, _ change: (inout Note) -> Void) {
        state.withLock { state in
            change(&state.notes[run, default: Note()])
            let slot = AcknowledgedRecords.slot(run, state.notes[run]!)
            pwrite(state.lock.descriptor, slot, slot.count, AcknowledgedRecords.offset(run))
        }
    }

    func setInDoubt(_ isInDoubt: Bool) {
        state.withLock { state in
            guard state.isInDoubt != isInDoubt else { return }
            state.isInDoubt = isInDoubt
            let flag = AcknowledgedRecords.flag(isInDoubt)
            pwrite(state.lock.descriptor, flag, flag.count, AcknowledgedRecords.identityByteCount)
        }
    }

    /// Goes on in a lock file that has taken the old one's place. What another server has noted there meanwhile stays.
    func move(to lock: FileLock) {
        state.withLock { state in
            state.lock = lock
            if AcknowledgedRecords.identity(in: lock.descriptor) == state.identity {
                state.isInDoubt = state.isInDoubt || AcknowledgedRecords.isInDoubt(lock.descriptor)
                for (run, note) in AcknowledgedRecords.notes(in: lock.descriptor) {
                    let own = state.notes[run] ?? Note()
                    state.notes[run] = Note(
                        sequence: max(own.sequence, note.sequence), checkpoint: max(own.checkpoint, note.checkpoint))
                }
            }
            AcknowledgedRecords.write(state)
        }
    }

    /// Forgets all but what is missing from the file. For a clean stop: nothing is left in the write-ahead log, and whoever then
    /// puts a backup in the database's place is right.
    func clear(butFor missing: Set<Int64>) {
        state.withLock { state in
            state.notes = state.notes.filter { missing.contains($0.key) }
            if state.notes.isEmpty { state.identity = nil }
            AcknowledgedRecords.write(state)
        }
    }

    // MARK: The file

    static let identityByteCount = 24
    private static let headerByteCount = 32
    private static let slotByteCount = 24

    private static func offset(_ run: Int64) -> Int { headerByteCount + slotByteCount * Int(run) }

    static func identity(of database: String) -> [UInt8] {
        var identity: [UInt64] = [0, 0]
        lather_file_identity(database, &identity)
        return Array("LTHRACK2".utf8) + identity.flatMap { bytes(of: $0) }
    }

    private static func identity(in descriptor: Int32) -> [UInt8]? { read(descriptor, identityByteCount, at: 0) }

    private static func flag(_ isInDoubt: Bool) -> [UInt8] { bytes(of: isInDoubt ? 1 : 0) }

    private static func slot(_ run: Int64, _ note: Note) -> [UInt8] {
        let values = [UInt64(bitPattern: note.sequence), UInt64(bitPattern: note.checkpoint)]
        return (values + [check(run, values)]).flatMap { bytes(of: $0) }
    }

    /// Each step is a bijection of the words before it, so one that differs makes the sum differ.
    private static func check(_ run: Int64, _ values: [UInt64]) -> UInt64 {
        values.reduce(UInt64(bitPattern: run) ^ 0x9E37_79B9_7F4A_7C15) { sum, value in
            let mixed = (sum ^ value) &* 0xBF58_476D_1CE4_E5B9
            return mixed ^ (mixed >> 31)
        }
    }

    private static func write(_ state: State) {
        ftruncate(state.lock.descriptor, 0)
        guard let identity = state.identity else { return }
        let header = identity + flag(state.isInDoubt)
        pwrite(state.lock.descriptor, header, header.count, 0)
        for (run, note) in state.notes {
            let slot = slot(run, note)
            pwrite(state.lock.descriptor, slot, slot.count, offset(run))
        }
    }

    private static func isInDoubt(_ descriptor: Int32) -> Bool {
        read(descriptor, headerByteCount, at: 0)?.suffix(8).contains { $0 != 0 } ?? false
    }

    private static func notes(in descriptor: Int32) -> [Int64: Note] {
        let slots = (Int(lseek(descriptor, 0, SEEK_END)) - headerByteCount) / slotByteCount
        var notes: [Int64: Note] = [:]
        for run in 0..<Int64(max(0, slots)) {
            guard let slot = read(descriptor, slotByteCount, at: offset(run)) else { continue }
            let words = slot.withUnsafeBytes { slot in
                (0..<3).map { UInt64(littleEndian: slot.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
            }
            guard words[2] == check(run, Array(words[..<2])) else { continue }
            notes[run] = Note(sequence: Int64(bitPattern: words[0]), checkpoint: Int64(bitPattern: words[1]))
        }
        return notes
    }

    private static func read(_ descriptor: Int32, _ count: Int, at offset: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return pread(descriptor, &bytes, count, offset) == count ? bytes : nil
    }

    private static func bytes(of value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
}
