import Foundation

/// A process that has looked at the database and still has it open.
final class OtherProcess {
    private let process = Process()
    private let input = Pipe()

    init(reading database: String) throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            """
            import sqlite3, sys
            connection = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
            connection.execute("SELECT count(*) FROM run").fetchone()
            print("open", flush=True)
            sys.stdin.readline()
            """, database,
        ]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        _ = output.fileHandleForReading.availableData
    }

    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
