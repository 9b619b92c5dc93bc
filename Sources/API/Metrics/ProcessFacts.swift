import Foundation

/// What the system knows of this process, from proc(5).
struct ProcessFacts {
    let cpuSeconds: Double
    let residentBytes: Int
    let virtualBytes: Int
    let openDescriptors: Int
    let maximumDescriptors: Int
    let threads: Int
    /// In seconds of Unix time.
    let startTime: Double

    /// nil where there is no /proc.
    init?() {
        guard let status = ProcessFacts.status, let startTime = ProcessFacts.startTime,
            let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        else { return nil }
        var time = timespec()
        var limit = rlimit()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0, getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        else { return nil }
        cpuSeconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        threads = status.threads
        virtualBytes = status.virtualBytes
        residentBytes = status.residentPages * Int(getpagesize())
        // One of them was that of the directory.
        openDescriptors = open.count - 1
        maximumDescriptors = Int(clamping: limit.rlim_cur)
        self.startTime = startTime
    }

    /// Does not change, but what it is computed from is rounded.
    private static let startTime: Double? = {
        guard let status, let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let boot = text.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })?.split(separator: " ").last.flatMap({ Int($0) })
        else { return nil }
        return Double(boot) + Double(status.startTicks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()

    private static var status: (threads: Int, startTicks: Int, virtualBytes: Int, residentPages: Int)? {
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else {
            return nil
        }
        // The name in parentheses, which may hold anything, is field 2.
        let fields = text[end...].split(separator: " ").dropFirst().map { Int($0) ?? 0 }
        func field(_ number: Int) -> Int { fields[number - 3] }
        guard fields.count > 21 else { return nil }
        return (field(20), field(22), field(23), field(24))
    }
}
