/// Metrics in the text exposition format of Prometheus, version 0.0.4.
struct MetricsText {
    enum Kind: String {
        case counter, gauge
    }

    private(set) var bytes: [UInt8] = []

    /// Adds a metric with one value.
    ///
    /// - Parameters:
    ///   - name: letters, digits and underscores; a counter's ends in `_total`.
    ///   - labels: pairs of a name and a value; values may be any text.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Int, labels: [(name: String, value: String)] = []) {
        let labelText = labels.map { "\($0.name)=\"\(MetricsText.escaped($0.value))\"" }.joined(separator: ",")
        let subject = labels.isEmpty ? name : "\(name){\(labelText)}"
        bytes += Array("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n\(subject) \(value)\n".utf8)
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
