import Foundation

/// An ext4 file system in a file, mounted for a test, whose power can be cut.
struct LoopFileSystem: Sendable {
    let directory: URL
    private let image: URL

    /// Whether this process may mount one here; found out by doing it once.
    static let isPossible: Bool = getuid() == 0 && (try? use { _ in }) != nil

    /// Mounts one while `body` runs.
    static func use(_ body: (LoopFileSystem) throws -> Void) throws {
        try withTemporaryDirectory { root in
            let disk = LoopFileSystem(
                directory: root.appendingPathComponent("disk"), image: root.appendingPathComponent("disk.img"))
            try FileManager.default.createDirectory(at: disk.directory, withIntermediateDirectories: true)
            try run("truncate", "-s", "256M", disk.image.path)
            try run("mkfs.ext4", "-q", "-F", disk.image.path)
            // Nothing is written back but what is synced.
            try run("mount", "-o", "loop,commit=600", disk.image.path, disk.directory.path)
            defer { try? run("umount", disk.directory.path) }
            try body(disk)
        }
    }

    /// From now on every access fails, and nothing that was not synced will be there again (ext4's EXT4_IOC_SHUTDOWN).
    func cutPower() throws {
        let descriptor = open(directory.path, O_RDONLY)
        defer { close(descriptor) }
        var withoutFlushing: UInt32 = 2
        guard ioctl(descriptor, 0x8004_587D, &withoutFlushing) == 0 else { throw TestFailure.system("ioctl") }
    }

    /// As a machine does when it starts again.
    func remount() throws {
        try LoopFileSystem.run("umount", directory.path)
        try LoopFileSystem.run("mount", "-o", "loop,commit=600", image.path, directory.path)
    }

    private static func run(_ command: String...) throws {
        let process = try Process.start(command)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw TestFailure("\(command.joined(separator: " ")) failed") }
    }
}
