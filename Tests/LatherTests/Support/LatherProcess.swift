import Foundation

/// One run of the program: started with its output going to files, watched, and always ended.
///
/// Foundation's `Process` reaps its children itself; here `wait4` does, because it also tells the peak of memory.
final class LatherProcess {
    /// How a process ended.
    struct Exit {
        /// The exit code, or nil if a signal ended it.
        let code: Int32?
        /// The most memory it ever had, in bytes; at least what this process had when it started it (getrusage(2)).
        let peakByteCount: Int
    }

    let identifier: pid_t
    private let outputFile: URL
    private let errorFile: URL
    private var exit: Exit?

    /// The program: `LATHER_BINARY`, or the product that was built beside the tests.
    static let binary: URL =
        if let path = ProcessInfo.processInfo.environment["LATHER_BINARY"], !path.isEmpty {
            URL(fileURLWithPath: path)
        } else {
            debugBinary
        }

    /// The product that was built beside the tests.
    static let debugBinary = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("lather")

    /// Whether a binary was named to test, a release build that is; measurements of a debug build say nothing.
    static let isNamed = ProcessInfo.processInfo.environment["LATHER_BINARY"]?.isEmpty == false

    /// Starts the program in `directory`.
    ///
    /// - Parameters:
    ///   - environment: added to this process's own, from which everything that begins with `LATHER_` is left out.
    ///   - errorFile: where standard error goes, if not to a new file.
    init(
        _ arguments: [String], environment: [String: String] = [:], binary: URL = LatherProcess.binary, errorFile: URL? = nil,
        in directory: URL
    ) throws {
        let name = "process-\(UUID().uuidString)"
        outputFile = directory.appendingPathComponent("\(name).out")
        self.errorFile = errorFile ?? directory.appendingPathComponent("\(name).err")
        let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("LATHER_") }
        let variables = inherited.merging(environment) { $1 }.map { "\($0)=\($1)" }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputFile.path, flags, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, self.errorFile.path, flags, 0o644)

        // The threads of a test runner block signals and ignore SIGPIPE; a process starts without either.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        // Swift does not see `posix_spawn_file_actions_addchdir_np`; env(1) changes the directory and becomes the program.
        let command = ["env", "--chdir=\(directory.path)", binary.path] + arguments
        identifier = try LatherProcess.withCStrings(command) { command in
            try LatherProcess.withCStrings(variables) { variables in
                var identifier = pid_t()
                let code = posix_spawn(&identifier, "/usr/bin/env", &actions, &attributes, command, variables)
                guard code == 0 else { throw TestFailure("no process can be started: \(String(cString: strerror(code)))") }
                return identifier
            }
        }
    }

    deinit {
        end()
    }

    /// Runs the program to its end.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], in directory: URL
    ) throws -> (exit: Exit, output: String, error: String) {
        let process = try LatherProcess(arguments, environment: environment, in: directory)
        defer { process.end() }
        return (try process.wait(), process.output, process.error)
    }

    /// What it has written to standard output so far.
    var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }
    /// What it has written to standard error so far.
    var error: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) {
        if exit == nil { kill(identifier, number) }
    }

    /// Waits for the end; a process that takes longer than `seconds` is killed, and that is an error.
    @discardableResult
    func wait(seconds: Double = 60) throws -> Exit {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            if let exit = poll() { return exit }
            usleep(2000)
        }
        end()
        throw TestFailure("lather did not end within \(seconds) s; it had written: \(error)")
    }

    /// The end, if it has come.
    func poll() -> Exit? {
        if exit == nil { reap(WNOHANG) }
        return exit
    }

    /// Kills it, if it still runs, and waits.
    func end() {
        guard exit == nil else { return }
        kill(identifier, SIGKILL)
        reap(0)
    }

    private func reap(_ options: Int32) {
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(identifier, &status, options, &usage) == identifier else { return }
        let hasExited = status & 0x7F == 0
        exit = Exit(code: hasExited ? (status >> 8) & 0xFF : nil, peakByteCount: Int(usage.ru_maxrss) << 10)
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws -> Result
    ) rethrows -> Result {
        let pointers = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return try body(pointers)
    }
}
