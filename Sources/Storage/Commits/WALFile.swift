import Foundation

/// The write-ahead log as a file, to make it durable from another thread than the connection's.
final class WALFile: Sendable {
    private let descriptor: Int32
    private let path: String

    init(path: String) throws(StorageError) {
        // SQLite's locks are on the other two files, so closing this one drops none.
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        self.path = path
        guard descriptor >= 0 else {
            throw StorageError(.cannotOpen, "\(path) cannot be opened (\(String(cString: strerror(errno)))). Check paths and permissions.")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    func sync() throws(StorageError) {
        guard fdatasync(descriptor) == 0 else {
            throw StorageError(.syncFailed, "\(path) cannot be made durable (\(String(cString: strerror(errno)))). Check the device.")
        }
    }
}
