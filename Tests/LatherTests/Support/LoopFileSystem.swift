import Foundation

/// An ext4 file system in a file, mounted for a test, whose power can be cut.
struct LoopFileSystem: Sendable {
    let directory: URL
    private let image: URL
    /// Nothing is written back but what is synced, and an error makes it read-only.
    private static let options = "loop,commit=600,errors=remount-ro"

    /// Whether this process may mount one here; found out by doing it once.
    static let isPossible: Bool = getuid() == 0 && (try? use { _ in }) != nil

    /// Mounts one while `body` runs.
    static func use(_ body: (LoopFileSystem) throws -> Void) throws {
        try withTemporaryDirectory { root in
            let disk = LoopFileSystem(
                directory: root.appendingPathComponent("disk"), image: root.appendingPathComponent("disk.img"))
            try FileManager.default.createDirectory(at: disk.directory, withIntermediateDirectories: true)
            try Process.succeed("truncate", "-s", "256M", disk.image.path)
            try Process.succeed("mkfs.ext4", "-q", "-F", disk.image.path)
            try Process.succeed("mount", "-o", LoopFileSystem.options, disk.image.path, disk.directory.path)
            defer { try? Process.succeed("umount", disk.directory.path) }
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

    /// From now on the file system is read-only, as ext4 makes itself after an error of its device.
    func becomeReadOnly() throws {
        let mounts = try String(contentsOfFile: "/proc/mounts", encoding: .utf8).split(separator: "\n").map { $0.split(separator: " ") }
        guard let device = mounts.last(where: { $0[1] == directory.path })?.first?.split(separator: "/").last else {
            throw TestFailure("nothing is mounted at \(directory.path)")
        }
        let trigger = "/sys/fs/ext4/\(device)/trigger_fs_error"
        try Data("trial".utf8).write(to: URL(fileURLWithPath: trigger))
    }

    /// As a machine does when it starts again.
    func remount() throws {
        try Process.succeed("umount", directory.path)
        try Process.succeed("mount", "-o", LoopFileSystem.options, image.path, directory.path)
    }
}
