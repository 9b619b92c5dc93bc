/// How often values fell into fixed ranges, and their sum.
///
/// A value type, for its owner to keep under a lock together with what else is counted. Recording allocates nothing, except
/// that the first time after a copy was taken the counts are copied (160 bytes).
public struct Histogram: Sendable, Equatable {
    /// The ranges' upper bounds, ascending and finite. A value that is equal to a bound is in the range that ends there.
    public let bounds: [Double]
    /// How many values are in each range; one more than there are bounds, the last for what lies beyond them all.
    public private(set) var counts: [Int]
    /// All values added up.
    public private(set) var sum = 0.0

    /// Without observations.
    public init(bounds: [Double]) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 } && bounds.allSatisfy(\.isFinite), "bounds ascend")
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// For durations of anything from a small request to a large checkpoint: 100 µs to 100 s, three ranges a decade.
    public static var seconds: Histogram {
        Histogram(bounds: [
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100,
        ])
    }

    /// How many values were recorded.
    public var count: Int { counts.reduce(0, +) }

    /// - Complexity: O(ranges), a few nanoseconds.
    public mutating func record(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// Adds what another histogram with the same bounds has recorded.
    public mutating func add(_ other: Histogram) {
        precondition(bounds == other.bounds, "histograms are added range by range")
        for range in counts.indices { counts[range] += other.counts[range] }
        sum += other.sum
    }

    /// Records seconds.
    public mutating func record(_ duration: Duration) {
        record(duration.inSeconds)
    }
}

extension Duration {
    /// The nearest double.
    public var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
