import StrictJSON

/// What some durations come to, in milliseconds.
struct TimeSummary: Sendable {
    let mean: Double
    let median: Double
    /// The 99th percentile by nearest rank: of fewer than a hundred, the longest.
    let p99: Double

    /// - Parameter durations: at least one.
    init(_ durations: [Duration]) {
        let sorted = durations.map { $0 / .milliseconds(1) }.sorted()
        func percentile(_ percent: Int) -> Double { sorted[(sorted.count * percent + 99) / 100 - 1] }
        mean = sorted.reduce(0, +) / Double(sorted.count)
        median = percentile(50)
        p99 = percentile(99)
    }

    var json: JSONValue {
        ["mean": .milliseconds(mean), "p50": .milliseconds(median), "p99": .milliseconds(p99)]
    }
}

extension JSONValue {
    /// To the microsecond.
    static func milliseconds(_ value: Double) -> JSONValue { JSONValue((value * 1000).rounded() / 1000) }
}
