import Foundation

/// A file that gets its name when it is complete and durable; until then it has one that nothing else has, and it goes if it is
/// given up.
final class NewFile {
    private let path: String
    private let partial: String
    private let isReplacing: Bool
    private var descriptor: Int32

    /// - Parameter replacing: whether a file of that name may be there already.
    init(_ path: String, replacing: Bool) throws(Failure) {
        guard !path.isEmpty else { throw Failure(.usage, "the file to write has no name") }
        var status = stat()
        if lstat(path, &status) == 0 {
            guard replacing else { throw Failure(.inputOutput, "\(path) exists; choose another name, or --force to replace it") }
            // A device or a link in this place is there for a reason.
            guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(.inputOutput, "\(path) is not a regular file") }
        }
        self.path = path
        isReplacing = replacing
        partial = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent(".lather-\(UUID().uuidString)").path
        descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("created") }
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink(partial)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("written") }
            rest = rest.dropFirst(count)
        }
    }

    /// Gives the file its name.
    func finish() throws(Failure) {
        guard fsync(descriptor) == 0 else { throw failure("made durable") }
        if isReplacing {
            guard rename(partial, path) == 0 else { throw failure("named") }
        } else {
            // Unlike a rename, a link never takes the place of a file that has come meanwhile.
            if link(partial, path) == 0 {
                unlink(partial)
            } else {
                // A file system without links: there a rename has to do.
                guard [EPERM, ENOTSUP, ENOSYS].contains(errno), rename(partial, path) == 0 else { throw failure("named") }
            }
        }
        close(descriptor)
        descriptor = -1
        let directory = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        defer { close(directory) }
        guard directory >= 0, fsync(directory) == 0 else { throw failure("made durable") }
    }

    private func failure(_ what: String) -> Failure {
        Failure(.inputOutput, "\(path) cannot be \(what): \(String(cString: strerror(errno)))")
    }
}
