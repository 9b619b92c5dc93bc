import Foundation

/// A new directory in another, to be removed with everything in it.
struct ScratchDirectory {
    let path: String

    init(in parent: String) throws(Failure) {
        path = "\(parent)/lather-bench-\(UUID().uuidString)"
        guard mkdir(path, 0o700) == 0 else {
            throw Failure(.inputOutput, "no directory can be made in \(parent): \(String(cString: strerror(errno)))")
        }
    }

    func remove() throws(Failure) {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            throw Failure(.inputOutput, "\(path) cannot be removed: \(error.localizedDescription)")
        }
    }

    /// How long it takes to bring 4 KiB more of a file to the disk (fdatasync, as for a commit).
    func syncTime() throws(Failure) -> TimeSummary {
        let file = path + "/sync"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        let bytes = [UInt8](repeating: 1, count: 4 << 10)
        var times: [Duration] = []
        for _ in 0..<100 {
            let began = ContinuousClock.now
            guard write(descriptor, bytes, bytes.count) == bytes.count, fdatasync(descriptor) == 0 else {
                throw Failure(.inputOutput, "\(file) cannot be written: \(String(cString: strerror(errno)))")
            }
            times.append(.now - began)
        }
        return TimeSummary(times)
    }
}
