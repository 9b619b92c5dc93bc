import Foundation

/// Keeps a second server away from the same database, until it is unlocked or the object goes.
///
/// `flock` on a side file: the lock goes with the process, however it ends, and SQLite's own locks on the database are
/// not touched (a POSIX lock taken and closed in this process would drop them). The side file stays; removing it would
/// let two servers lock two different files of the same name.
final class FileLock: Sendable {
    let descriptor: Int32

    /// Takes the lock or throws at once.
    init(path: String, guarding database: String) throws(StorageError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw StorageError(.cannotOpen, "\(path) cannot be opened (\(String(cString: strerror(errno)))). Check paths and permissions.")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            if code == EWOULDBLOCK {
                throw StorageError(.lockedByAnotherServer, "Another server has \(database) open. Stop it or choose another database.")
            }
            throw StorageError(.io, "\(path) cannot be locked (\(String(cString: strerror(code)))).")
        }
        self.descriptor = descriptor
    }

    /// Whether the file system still answers. One that shut itself down, after an error of its device for example, fails every
    /// call, also this one; yet an fsync that was under way at that moment may have reported success (seen on ext4).
    var isAnswered: Bool {
        var byte: UInt8 = 0
        return pread(descriptor, &byte, 1, 0) >= 0
    }

    /// Whether a path leads to the file that is locked.
    func isAt(_ path: String) -> Bool {
        var (own, found) = (stat(), stat())
        return fstat(descriptor, &own) == 0 && stat(path, &found) == 0 && own.st_dev == found.st_dev && own.st_ino == found.st_ino
    }

    /// Lets the next server in.
    func unlock() {
        flock(descriptor, LOCK_UN)
    }

    deinit {
        close(descriptor)
    }
}
