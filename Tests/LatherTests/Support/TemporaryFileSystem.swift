import Foundation

/// A small tmpfs of a test's own, that can be filled to the last byte.
struct TemporaryFileSystem {
    let directory: URL
    private var filler: URL { directory.appendingPathComponent("filler") }

    /// Whether this process may mount one here; found out by doing it once.
    static let isPossible: Bool = getuid() == 0 && (try? use { _ in }) != nil

    /// Mounts one while `body` runs.
    static func use(_ body: (TemporaryFileSystem) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            try Process.succeed("mount", "-t", "tmpfs", "-o", "size=96M", "lather-test", directory.path)
            defer { try? Process.succeed("umount", "--lazy", directory.path) }
            try body(TemporaryFileSystem(directory: directory))
        }
    }

    /// Takes all the room there is but some.
    func fill(leaving byteCount: Int = 0) throws {
        var figures = statvfs()
        guard statvfs(directory.path, &figures) == 0 else { throw TestFailure.system("statvfs") }
        let free = Int(figures.f_bavail) * Int(figures.f_frsize) - byteCount
        let descriptor = open(filler.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        guard free <= 0 || posix_fallocate(descriptor, lseek(descriptor, 0, SEEK_END), free) == 0 else {
            throw TestFailure.system("posix_fallocate")
        }
    }

    /// Gives all of it back.
    func makeRoom() throws {
        try FileManager.default.removeItem(at: filler)
    }
}
