import Foundation

/// Another program that has begun a transaction on the database and does not end it.
final class DatabaseLock {
    private let process: Process

    static let isPossible = (try? Process.succeed("python3", "-c", "import sqlite3")) != nil

    /// Returns when it has the lock.
    ///
    /// - Parameters:
    ///   - kind: `IMMEDIATE` or `EXCLUSIVE`.
    ///   - seconds: after these it lets go by itself.
    init(_ kind: String, on database: URL, seconds: Double = 60) throws {
        let output = Pipe()
        let script = """
            import sqlite3, sys, time
            connection = sqlite3.connect(sys.argv[1], isolation_level=None)
            connection.execute("BEGIN " + sys.argv[2])
            print("locked", flush=True)
            time.sleep(float(sys.argv[3]))
            """
        process = try Process.start(["python3", "-c", script, database.path, kind, "\(seconds)"], output: output)
        guard !output.fileHandleForReading.availableData.isEmpty else {
            end()
            throw TestFailure("the database cannot be locked")
        }
    }

    deinit {
        end()
    }

    /// Lets go of it.
    func end() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
