import Metrics
import Testing

/// Values are counted in the range that they belong to.
struct HistogramTests {
    @Test func aValueOnABoundBelongsToTheRangeThatEndsThere() {
        var histogram = Histogram(bounds: [1, 2, 4])
        for value in [-1, 0, 1, 1.5, 2, 3, 4, 4.5, 1e9] { histogram.record(value) }
        #expect(histogram.counts == [3, 2, 2, 2])
        #expect(histogram.count == 9)
        #expect(histogram.sum == 1_000_000_015)
    }

    @Test func durationsAreRecordedInSeconds() {
        var histogram = Histogram.seconds
        histogram.record(.microseconds(1_500))
        histogram.record(.seconds(3_600))
        histogram.record(.zero)
        #expect(histogram.bounds.first == 0.0001 && histogram.bounds.last == 100)
        #expect(histogram.counts.enumerated().filter { $0.element > 0 }.map(\.offset) == [0, 4, 19])
        #expect(abs(histogram.sum - 3_600.0015) < 1e-9)
    }

    @Test func aCopyDoesNotChange() {
        var histogram = Histogram(bounds: [1])
        histogram.record(1)
        let copy = histogram
        histogram.record(1)
        #expect(copy.count == 1 && histogram.count == 2)
    }
}
