extension MetricsText {
    /// The process, under the names that every Prometheus client library uses.
    mutating func add(_ process: ProcessFacts) {
        add("process_cpu_seconds_total", .counter, "User and system time.", process.cpuSeconds)
        add("process_resident_memory_bytes", .gauge, "Resident memory.", process.residentBytes)
        add("process_virtual_memory_bytes", .gauge, "Virtual memory.", process.virtualBytes)
        add("process_open_fds", .gauge, "Open file descriptors.", process.openDescriptors)
        add("process_max_fds", .gauge, "The most file descriptors that may be open.", process.maximumDescriptors)
        add("process_threads", .gauge, "Threads.", process.threads)
        add("process_start_time_seconds", .gauge, "When the process started, in seconds of Unix time.", process.startTime)
    }
}
