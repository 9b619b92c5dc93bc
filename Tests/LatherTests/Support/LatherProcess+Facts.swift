import Foundation

extension LatherProcess {
    /// How many threads it has now.
    var threadCount: Int {
        get throws { try status("Threads:") }
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
