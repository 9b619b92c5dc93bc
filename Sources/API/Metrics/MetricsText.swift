import Metrics

/// Metrics in the text exposition format of Prometheus, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
struct MetricsText {
    enum Kind: String {
        case counter, gauge
    }

    /// Pairs of a name and a value; values may be any text.
    typealias Labels = [(name: String, value: String)]

    private(set) var bytes: [UInt8] = []

    /// Adds a metric with one value.
    ///
    /// - Parameter name: letters, digits and underscores; a counter's ends in `_total`.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Int?, labels: Labels = []) {
        guard let value else { return }
        begin(name, kind.rawValue, help)
        write(name, labels, String(value))
    }

    /// Adds a metric with one value; nil adds nothing.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
        guard let value else { return }
        begin(name, kind.rawValue, help)
        write(name, [], MetricsText.text(value))
    }

    /// Adds a metric with a value for each of several labels; without any there is nothing to say about it yet.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ values: [(labels: Labels, value: Int)]) {
        guard !values.isEmpty else { return }
        begin(name, kind.rawValue, help)
        for (labels, value) in values { write(name, labels, String(value)) }
    }

    /// Adds a histogram for each of several labels.
    mutating func add(_ name: String, _ help: String, _ histograms: [(labels: Labels, histogram: Histogram)]) {
        guard !histograms.isEmpty else { return }
        begin(name, "histogram", help)
        for (labels, histogram) in histograms {
            var count = 0
            for (bound, more) in zip(histogram.bounds.map(MetricsText.text) + ["+Inf"], histogram.counts) {
                count += more
                write("\(name)_bucket", labels + [("le", bound)], String(count))
            }
            write("\(name)_sum", labels, MetricsText.text(histogram.sum))
            write("\(name)_count", labels, String(count))
        }
    }

    private mutating func begin(_ name: String, _ type: String, _ help: String) {
        bytes += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n".utf8
    }

    private mutating func write(_ name: String, _ labels: Labels, _ value: String) {
        bytes += name.utf8
        if !labels.isEmpty {
            let list = labels.map { "\($0.name)=\"\(MetricsText.escaped($0.value))\"" }.joined(separator: ",")
            bytes += "{\(list)}".utf8
        }
        bytes += " \(value)\n".utf8
    }

    /// The fewest digits that read back as the same value.
    private static func text(_ value: Double) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func escaped(_ value: String) -> String {
        // By bytes: a line feed can be part of a longer `Character`.
        let bytes = value.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): Array("\\n".utf8)
            default: [byte]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
