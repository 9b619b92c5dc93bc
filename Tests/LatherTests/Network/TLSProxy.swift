import Foundation

/// The real nginx with `deploy/nginx.conf`, on a port of its own and with a certificate that is made for the occasion.
final class TLSProxy {
    /// Where Debian puts it, which is not on everybody's path.
    private static let program = "/usr/sbin/nginx"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: program)
    private static let name = "lather.test"

    let port: UInt16
    private let directory: URL
    private let process: Process
    private let untouched: [URL: Date]

    /// The proxy while `body` runs.
    ///
    /// - Parameter upstream: where Lather is, as nginx writes it.
    static func use(to upstream: String, _ body: (TLSProxy) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            let proxy = try TLSProxy(to: upstream, in: directory)
            defer { proxy.process.terminate() }
            try body(proxy)
            proxy.process.terminate()
            proxy.process.waitUntilExit()
        }
    }

    private init(to upstream: String, in directory: URL) throws {
        self.directory = directory
        let socket = try Sockets.listen()
        close(socket.descriptor)
        port = socket.port
        func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
        try Process.succeed(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(TLSProxy.name)", "-addext", "subjectAltName=DNS:\(TLSProxy.name)",
            "-keyout", path("key.pem"), "-out", path("certificate.pem"))
        try TLSProxy.configuration(
            port: port, upstream: upstream, certificate: path("certificate.pem"), key: path("key.pem")
        ).write(toFile: path("lather.conf"), atomically: true, encoding: .utf8)

        let areas = ["body", "proxy", "fastcgi", "uwsgi", "scgi"]
        let paths = areas.map { "\($0 == "body" ? "client_body" : $0)_temp_path \(path($0));" }.joined(separator: " ")
        // As root it would give up its rights, and could not read the directory nor a Unix socket of root's.
        let user = getuid() == 0 ? "user root;" : ""
        let main = """
            \(user) daemon off; worker_processes 2; pid \(path("nginx.pid"));
            events { worker_connections 1024; }
            http { access_log \(path("access.log")); \(paths) include \(path("lather.conf")); }
            """
        try main.write(toFile: path("nginx.conf"), atomically: true, encoding: .utf8)
        process = try Process.start([
            TLSProxy.program, "-p", directory.path, "-c", path("nginx.conf"), "-e", path("error.log"),
        ])
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            if let descriptor = Sockets.connect(port) {
                close(descriptor)
                break
            }
            guard process.isRunning, ContinuousClock.now < deadline else {
                let log = (try? String(contentsOfFile: path("error.log"), encoding: .utf8)) ?? ""
                process.terminate()
                throw TestFailure("nginx does not start: \(log)")
            }
            usleep(10_000)
        }
        untouched = try TLSProxy.changes(of: areas.map { directory.appendingPathComponent($0) })
    }

    /// What is published, with the places of this machine put in.
    private static func configuration(port: UInt16, upstream: String, certificate: String, key: String) throws -> String {
        let file = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../deploy/nginx.conf").standardizedFileURL
        var text = try String(contentsOf: file, encoding: .utf8)
        for (published, here) in [
            ("listen 443 ssl;", "listen 127.0.0.1:\(port) ssl;"), ("    server 127.0.0.1:8421;", "    server \(upstream);"),
            ("server_name lather.example.org;", "server_name \(name);"), ("/etc/nginx/lather.crt;", "\(certificate);"),
            ("/etc/nginx/lather.key;", "\(key);"),
        ] {
            let parts = text.components(separatedBy: published)
            guard parts.count == 2 else { throw TestFailure("deploy/nginx.conf does not say \"\(published)\" once") }
            text = parts.joined(separator: here)
        }
        return text
    }

    // MARK: Requests

    /// How curl reaches the proxy, and trusts nobody else.
    func curl(_ path: String) -> [String] {
        [
            "curl", "-sS", "--max-time", "100", "--cacert", directory.appendingPathComponent("certificate.pem").path,
            "--resolve", "\(TLSProxy.name):\(port):127.0.0.1", "https://\(TLSProxy.name):\(port)\(path)",
        ]
    }

    /// One request over TLS, with a body from a file if there is one; the answer's goes into `output` or is read.
    func request(
        _ method: String, _ path: String, fields: [(String, String)] = [], body: URL? = nil, output: URL? = nil
    ) throws -> HTTPAnswer {
        let head = directory.appendingPathComponent("head-\(UUID().uuidString)")
        let content = output ?? directory.appendingPathComponent("content-\(UUID().uuidString)")
        var command = curl(path) + ["-X", method, "-D", head.path, "-o", content.path]
        for (name, value) in fields { command += ["-H", "\(name): \(value)"] }
        if let body { command += ["-T", body.path] }
        try Process.succeed(command)
        // An interim answer comes before, with a head of its own.
        let heads = try String(contentsOf: head, encoding: .utf8).components(separatedBy: "\r\n\r\n").filter { !$0.isEmpty }
        let lines = (heads.last ?? "").components(separatedBy: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw TestFailure("no status line: \(lines[0])")
        }
        let answered = lines.dropFirst().compactMap { line in
            line.firstIndex(of: ":").map {
                (name: String(line[..<$0]), value: line[line.index(after: $0)...].trimmingCharacters(in: .whitespaces))
            }
        }
        let isRead = output == nil && FileManager.default.fileExists(atPath: content.path)
        return HTTPAnswer(status: status, fields: answered, body: isRead ? Array(try Data(contentsOf: content)) : [])
    }

    // MARK: What it keeps

    /// The most memory that each worker has had, in bytes.
    var peakByteCounts: [Int] {
        get throws {
            let master = process.processIdentifier
            let workers = try String(contentsOfFile: "/proc/\(master)/task/\(master)/children", encoding: .utf8).split(separator: " ")
            return try workers.map { worker in
                let status = try String(contentsOfFile: "/proc/\(worker)/status", encoding: .utf8).split(separator: "\n")
                let peak = status.first { $0.hasPrefix("VmHWM:") }?.split(whereSeparator: \.isWhitespace).dropFirst().first
                guard let peak = peak.flatMap({ Int($0) }) else { throw TestFailure("/proc/\(worker)/status has no VmHWM") }
                return peak << 10
            }
        }
    }

    /// Whether no file has been made where nginx would lay a body, not even one that is gone again.
    var hasBufferedNothing: Bool {
        get throws { try TLSProxy.changes(of: Array(untouched.keys)) == untouched }
    }

    private static func changes(of directories: [URL]) throws -> [URL: Date] {
        try Dictionary(
            uniqueKeysWithValues: directories.map { directory in
                let change = try FileManager.default.attributesOfItem(atPath: directory.path)[.modificationDate] as? Date
                guard let change else { throw TestFailure("\(directory.path) has no date") }
                return (directory, change)
            })
    }
}
