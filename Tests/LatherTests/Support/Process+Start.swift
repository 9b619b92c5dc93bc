import Foundation

extension Process {
    /// Starts a program that is found by its name, without its output unless it is asked for.
    static func start(_ command: [String], output: Pipe? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardOutput = FileHandle.nullDevice
        if let output { process.standardOutput = output }
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Runs a program to its end.
    ///
    /// - Throws: if it fails.
    static func succeed(_ command: String...) throws {
        try succeed(command)
    }

    static func succeed(_ command: [String]) throws {
        let process = try start(command)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw TestFailure("\(command.joined(separator: " ")) failed") }
    }
}
