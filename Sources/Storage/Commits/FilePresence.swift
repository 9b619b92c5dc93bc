import Foundation

/// Whether the files that are open are still those at their paths. SQLite goes on writing to a file that has been moved or
/// deleted, where nobody will find it.
struct FilePresence: Sendable {
    enum Finding {
        case intact
        /// The database is not at its path.
        case databaseGone
        /// The database is, but one of the files beside it is not.
        case sideFilesGone
    }

    private let path: String
    private let expected: [FileNumber?]

    /// Notes the files as they are now, open.
    init(path: String) {
        self.path = path
        expected = FilePresence.numbers(path)
    }

    var finding: Finding {
        let found = FilePresence.numbers(path)
        guard found[0] == expected[0] else { return .databaseGone }
        return found == expected ? .intact : .sideFilesGone
    }

    /// Whether the write-ahead log is another file than it was, or was none.
    var hasForeignWAL: Bool {
        let found = FilePresence.numbers(path)[1]
        return found != nil && found != expected[1]
    }

    private static func numbers(_ path: String) -> [FileNumber?] {
        ["", "-wal", "-lock", "-shm"].map { FileNumber(path: path + $0) }
    }

    /// Which file it is; no other has the same numbers as long as it is open.
    private struct FileNumber: Equatable {
        let device: UInt
        let inode: UInt

        init?(path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt(status.st_dev)
            inode = UInt(status.st_ino)
        }
    }
}
