import StrictJSON

/// Least, mean and greatest of a figure over the steps for which it is known.
struct HistoryFigure: Equatable, Sendable {
    private(set) var least = 0.0
    private(set) var greatest = 0.0
    private(set) var sum = 0.0
    /// How many values; 0 says that none is known.
    private(set) var count = 0

    /// Of no value.
    init() {}

    /// Of one value, or of none.
    init(_ value: Double?) {
        guard let value else { return }
        (least, greatest, sum, count) = (value, value, value, 1)
    }

    init(least: Double, greatest: Double, sum: Double, count: Int) {
        (self.least, self.greatest, self.sum, self.count) = (least, greatest, sum, count)
    }

    static func += (figure: inout HistoryFigure, other: HistoryFigure) {
        guard other.count > 0, figure.count > 0 else {
            if figure.count == 0 { figure = other }
            return
        }
        figure.least = min(figure.least, other.least)
        figure.greatest = max(figure.greatest, other.greatest)
        figure.sum += other.sum
        figure.count += other.count
    }

    /// null where nothing is known.
    var json: JSONValue {
        guard count > 0 else { return .null }
        // Rounding must not put the mean of equal values beside them.
        let mean = min(max(sum / Double(count), least), greatest)
        return ["min": JSONValue(least), "mean": JSONValue(mean), "max": JSONValue(greatest)]
    }
}
