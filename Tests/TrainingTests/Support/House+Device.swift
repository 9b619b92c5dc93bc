import Foundation
import Storage
import Testing

@testable import Training

extension House {
    /// Does something while no sync succeeds: the lock file, which stands for the file system, cannot be read.
    ///
    /// - Parameter reachesDisk: whether what is written meanwhile is found on the disk afterwards.
    func whileSyncsFail(reachesDisk: Bool, _ body: () async throws -> Void) async throws {
        let lock = try #require(try descriptor(of: database + "-lock"))
        let wal = URL(fileURLWithPath: database + "-wal")
        let written = try Data(contentsOf: wal)
        let kept = dup(lock)
        let unreadable = open("/dev/null", O_WRONLY)
        dup2(unreadable, lock)
        close(unreadable)
        try await body()
        if !reachesDisk {
            let file = try FileHandle(forUpdating: wal)
            try file.write(contentsOf: written)
            try file.truncate(atOffset: UInt64(written.count))
            try file.close()
        }
        dup2(kept, lock)
        close(kept)
    }

    private func descriptor(of path: String) throws -> Int32? {
        let all = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
        return all.first { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path }
    }
}
