import Foundation

/// strace(1), attached to a process to make its system calls fail.
final class FaultInjector {
    private let process: Process

    /// Whether strace is there and may attach to a process of the same user.
    static let isPossible: Bool = {
        guard let sleeper = try? Process.start(["sleep", "5"]) else { return false }
        defer { kill(sleeper.processIdentifier, SIGKILL) }
        return (try? FaultInjector(into: sleeper.processIdentifier, call: "fsync", error: "EIO", at: 1)) != nil
    }()

    /// Attaches to every thread of a process; returns when that is done.
    ///
    /// - Parameters:
    ///   - call: the system call's name.
    ///   - occurrence: which of a thread's calls fails, counted from now on; nil is all of them.
    init(into target: pid_t, call: String, error: String, at occurrence: Int?) throws {
        process = try Process.start([
            "strace", "-f", "-p", "\(target)", "-o", "/dev/null", "-e", "trace=\(call)",
            "-e", "inject=\(call):error=\(error):when=\(occurrence.map { String($0) } ?? "1+")",
        ])
        let deadline = ContinuousClock.now + .seconds(10)
        while try !FaultInjector.isTraced(target) {
            guard process.isRunning, ContinuousClock.now < deadline else {
                end()
                throw TestFailure("strace cannot attach")
            }
            usleep(2000)
        }
    }

    deinit {
        end()
    }

    /// Detaches.
    func end() {
        guard process.isRunning else { return }
        // Not SIGTERM, which the threads of a test runner block, and so do their children. The kernel detaches what is traced.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static func isTraced(_ target: pid_t) throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(target)/task").allSatisfy { thread in
            let status = (try? String(contentsOfFile: "/proc/\(target)/task/\(thread)/status", encoding: .utf8)) ?? ""
            return !status.contains("TracerPid:\t0\n")
        }
    }
}
