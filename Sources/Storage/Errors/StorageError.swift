/// What went wrong with the database, and a sentence that a person can act on.
///
/// The store is usable after every error: the transaction has been rolled back, and the call can be made again once the
/// cause is gone. Only after ``Kind/syncFailed`` it is not known whether it has: that shows when the file has been opened anew.
public struct StorageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What callers tell apart.
    public enum Kind: Equatable, Sendable {
        /// No room on the device.
        case full
        /// The system failed to read or write the file.
        case io
        /// fsync failed: the transaction may have reached the device or not.
        case syncFailed
        /// The file, its directory or this store (when it inspects) does not allow writing.
        case readOnly
        /// Another process holds SQLite's write lock.
        case busy
        /// Another server has this file open for itself.
        case lockedByAnotherServer
        /// The file is something else than an SQLite database.
        case notADatabase
        /// An SQLite database that is not ours.
        case foreignDatabase
        /// Written by a newer build.
        case newerSchema(found: Int, supported: Int)
        /// Missing file or directory, no permission, or a directory in place of a file.
        case cannotOpen
        /// Bytes are not what was written. `what` names the run, log entry or tensor.
        case corrupt(what: String)
        /// No such run, checkpoint or tensor (any more).
        case notFound
        /// Somebody else has written to the same log.
        case conflict
        /// A run of this name exists.
        case nameTaken
        case other
    }

    /// What happened.
    public let kind: Kind
    /// The same for people, without secrets.
    public let message: String

    /// An error of a kind.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }

    /// Whether bytes are not what was written.
    public var isCorruption: Bool {
        if case .corrupt = kind { true } else { false }
    }

    static func corrupt(_ what: String, _ finding: String) -> StorageError {
        StorageError(.corrupt(what: what), "\(what) \(finding). The database file has been damaged; restore it from a backup.")
    }

    static let syncFailedBefore = StorageError(.syncFailed, "A sync failed before the last stop.")

    static func noRun(_ id: Int64) -> StorageError {
        StorageError(.notFound, "There is no run with the id \(id); it may have been deleted.")
    }

    static func noCheckpoint(_ id: Int64) -> StorageError {
        StorageError(.notFound, "There is no checkpoint with the id \(id); it may have been deleted.")
    }
}
