import Foundation

/// A directory with a database, and the servers that use it one after another.
final class TestServer {
    let directory: URL
    let database: URL
    private let arguments: [String]
    private let environment: [String: String]
    private let binary: URL
    private(set) var process: LatherProcess
    private(set) var port: UInt16 = 0

    /// A server on a free port of 127.0.0.1 while `body` runs; it is gone afterwards, and so are its files.
    ///
    /// - Parameter prepare: puts into the server's directory what it needs at its start.
    static func use(
        _ arguments: [String] = [], environment: [String: String] = [:], binary: URL = LatherProcess.binary,
        database: URL? = nil, prepare: (URL) throws -> Void = { _ in }, _ body: (TestServer) throws -> Void
    ) throws {
        try withTemporaryDirectory { directory in
            let database = database ?? directory.appendingPathComponent("lather.sqlite")
            try prepare(directory)
            let server = try TestServer(arguments, environment, binary, database, directory)
            defer { server.process.end() }
            try server.awaitReadiness()
            try body(server)
        }
    }

    private init(_ arguments: [String], _ environment: [String: String], _ binary: URL, _ database: URL, _ directory: URL) throws {
        self.directory = directory
        self.arguments = ["serve", "--port", "0", "--database", database.path] + arguments
        self.environment = environment
        self.binary = binary
        self.database = database
        process = try LatherProcess(self.arguments, environment: environment, binary: binary, in: directory)
    }

    /// A new connection.
    func connect() throws -> HTTPConnection {
        try HTTPConnection(port: port)
    }

    /// Sends a signal and waits for the end.
    @discardableResult
    func stop(_ signal: Int32) throws -> LatherProcess.Exit {
        process.signal(signal)
        return try process.wait()
    }

    /// Starts the next server on the same database.
    ///
    /// - Parameter changes: what its environment has beside that of the others.
    func start(environment changes: [String: String] = [:]) throws {
        process = try LatherProcess(
            arguments, environment: environment.merging(changes) { $1 }, binary: binary, in: directory)
        try awaitReadiness()
    }

    /// As power loss would, as far as a process can tell; and the next server.
    func crashAndRestart() throws {
        try stop(SIGKILL)
        try start()
    }

    /// The address is printed before the runs are back; steps are refused until then.
    private func awaitReadiness() throws {
        port = try process.awaitPort()
        _ = try process.await("ready") { try connect().get("/healthz/ready").status == 200 ? true : nil }
    }
}
