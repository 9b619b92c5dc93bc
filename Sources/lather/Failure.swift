import ArgumentParser
import Foundation

/// An end that the user can do something about: one sentence on standard error, and an exit code from sysexits.
struct Failure: Error {
    /// The exit codes, as the README lists them.
    enum Code: Int32 {
        /// Something went wrong while running.
        case failed = 1
        /// The command line or the environment asks for something impossible.
        case usage = 64
        /// The database or a file to read is damaged, is not Lather's, or is newer than this program.
        case unusableData = 65
        /// The address cannot be listened on.
        case unavailable = 69
        /// The database, or a file to read or write, cannot be opened, read or written; or a file that is to be new exists.
        case inputOutput = 74
        /// A file of the configuration cannot be read.
        case configuration = 78
    }

    let code: Code
    let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Says what is wrong and gives the exit code to end with.
    func report() -> ExitCode {
        FileHandle.standardError.write(Data("lather: \(message)\n".utf8))
        return ExitCode(code.rawValue)
    }
}
