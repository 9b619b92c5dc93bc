import Foundation

/// What the system knows of this process, from proc(5); each fact is nil when it cannot be had.
struct ProcessFacts {
    let cpuSeconds: Double?
    let residentBytes: Int?
    let virtualBytes: Int?
    let openDescriptors: Int?
    let maximumDescriptors: Int?
    let threads: Int?
    /// In seconds of Unix time.
    let startTime: Double?

    init() {
        var time = timespec()
        var limit = rlimit()
        let isTimed = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0
        cpuSeconds = isTimed ? Double(time.tv_sec) + Double(time.tv_nsec) / 1e9 : nil
        let isLimited = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        maximumDescriptors = isLimited ? Int(clamping: limit.rlim_cur) : nil
        let status = ProcessFacts.status
        threads = status?.threads
        virtualBytes = status?.virtualBytes
        residentBytes = status.map { $0.residentPages * Int(getpagesize()) }
        startTime = ProcessFacts.startTime
        openDescriptors = ProcessFacts.files.descriptorCount
    }

    /// Open for as long as the process lives: they are asked when no descriptor is free, too.
    private final class Files: @unchecked Sendable {
        // Invariant: a directory is read by one thread at a time, under `lock`.
        private let lock = NSLock()
        private let descriptors = opendir("/proc/self/fd")
        let status = open("/proc/self/stat", O_RDONLY | O_CLOEXEC)

        var descriptorCount: Int? {
            guard let descriptors else { return nil }
            return lock.withLock {
                rewinddir(descriptors)
                var count = 0
                while let entry = readdir(descriptors) {
                    if entry.pointee.d_name.0 != UInt8(ascii: ".") { count += 1 }
                }
                return count
            }
        }
    }

    private static let files = Files()

    /// Opens what the facts are read from.
    static func prepare() {
        _ = files
        _ = startTime
    }

    /// Does not change, but what it is computed from is rounded.
    private static let startTime: Double? = {
        guard let status, let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let boot = text.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })?.split(separator: " ").last.flatMap({ Int($0) })
        else { return nil }
        return Double(boot) + Double(status.startTicks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()

    private static var status: (threads: Int, startTicks: Int, virtualBytes: Int, residentPages: Int)? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = pread(files.status, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        // The name in parentheses, which may hold anything, is field 2.
        let fields = text[end...].split(separator: " ").dropFirst().map { Int($0) ?? 0 }
        func field(_ number: Int) -> Int { fields[number - 3] }
        guard fields.count > 21 else { return nil }
        return (field(20), field(22), field(23), field(24))
    }
}
