import Foundation

extension LatherProcess {
    /// Waits until a server listens, and reads the port from what it prints.
    func awaitPort() throws -> UInt16 {
        let lines = try self.await("listening") { output.contains("\n") ? output.split(separator: "\n") : nil }
        let prefix = " listens on http://127.0.0.1:"
        guard let port = lines.lazy.compactMap({ $0.components(separatedBy: prefix).dropFirst().first }).first.flatMap({ UInt16($0) })
        else {
            throw TestFailure("lather prints no address: \(lines)")
        }
        return port
    }

    /// Asks again and again until there is an answer, for a minute at most and only while the process runs.
    func await<Value>(_ what: String, _ ask: () throws -> Value?) throws -> Value {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if let value = try ask() { return value }
            if let exit = poll() { throw TestFailure("lather ended with \(exit) before it was \(what): \(error)") }
            usleep(5000)
        }
        throw TestFailure("lather was not \(what) within a minute: \(error)")
    }

    /// How many threads it has now.
    var threadCount: Int {
        get throws { try status("Threads:") }
    }

    /// Its memory now, in bytes.
    var residentByteCount: Int {
        get throws { try status("VmRSS:") << 10 }
    }

    /// How many files and sockets it has open.
    var descriptorCount: Int {
        get throws { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(identifier)/fd").count }
    }

    /// The most memory it has had so far, in bytes.
    var peakByteCount: Int {
        get throws { try status("VmHWM:") << 10 }
    }

    /// A figure of `/proc/PID/status` (proc(5)).
    private func status(_ name: String) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        guard let figure = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) }) else {
            throw TestFailure("/proc/\(identifier)/status has no \(name)")
        }
        return figure
    }
}
