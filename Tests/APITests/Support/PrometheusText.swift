import Testing

/// A reader of the text exposition format 0.0.4 that forgives nothing, and asks for what `promtool check metrics` does: each metric
/// has its help and type first and stands in one place, counters end in `_total`, histograms are whole.
struct PrometheusText {
    struct Failure: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    struct Family {
        let name: String
        let type: String
        var samples: [Sample] = []
    }

    struct Sample {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    private(set) var families: [Family] = []

    init(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Failure("not UTF-8") }
        guard text.utf8.last == UInt8(ascii: "\n") else { throw Failure("the last line does not end") }
        var help: String?
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)/) {
                guard help == nil else { throw Failure("two helps in a row: \(line)") }
                help = String(match.output.1)
            } else if let match = line.wholeMatch(of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)/) {
                let name = String(match.output.1)
                guard help == name, !families.contains(where: { $0.name == name }) else { throw Failure("a type out of place: \(line)") }
                families.append(Family(name: name, type: String(match.output.2)))
                help = nil
            } else {
                guard help == nil, !families.isEmpty else { throw Failure("a sample without type: \(line)") }
                families[families.count - 1].samples.append(try PrometheusText.sample(line))
            }
        }
        for family in families { try PrometheusText.check(family) }
    }

    /// The value of the only sample of a name with these labels among its own; 0 when there is none.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double {
        let all = families.flatMap(\.samples).filter { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }
        if all.count > 1 { Issue.record("\(name) \(labels) is there \(all.count) times") }
        return all.first?.value ?? 0
    }

    private static func sample(_ line: Substring) throws -> Sample {
        var rest = line
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            repeat {
                rest.removeFirst()
                guard let label = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="/), !label.output.1.hasPrefix("__") else {
                    throw Failure("no label: \(line)")
                }
                rest = rest[label.range.upperBound...]
                guard labels.updateValue(try quoted(&rest), forKey: String(label.output.1)) == nil else {
                    throw Failure("a label twice: \(line)")
                }
            } while rest.first == ","
            guard rest.popFirst() == "}" else { throw Failure("labels do not end: \(line)") }
        }
        guard !name.isEmpty, rest.popFirst() == " ", let value = number(rest) else { throw Failure("no sample: \(line)") }
        return Sample(name: String(name), labels: labels, value: value)
    }

    /// A value up to its quotation mark, by bytes.
    private static func quoted(_ rest: inout Substring) throws -> String {
        var bytes: [UInt8] = []
        var isEscaped = false
        for (index, byte) in zip(rest.utf8.indices, rest.utf8) {
            switch (isEscaped, byte) {
            case (true, UInt8(ascii: "n")): bytes.append(UInt8(ascii: "\n"))
            case (true, UInt8(ascii: "\"")), (true, UInt8(ascii: "\\")): bytes.append(byte)
            case (true, _): throw Failure("an unknown escape in \(rest)")
            case (false, UInt8(ascii: "\\")):
                isEscaped = true
                continue
            case (false, UInt8(ascii: "\"")):
                rest = rest[rest.utf8.index(after: index)...]
                return String(decoding: bytes, as: UTF8.self)
            case (false, _): bytes.append(byte)
            }
            isEscaped = false
        }
        throw Failure("a value does not end: \(rest)")
    }

    private static func number(_ text: Substring) -> Double? {
        if text == "+Inf" { return .infinity }
        guard text.wholeMatch(of: /-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?/) != nil else { return nil }
        return Double(text)
    }

    private static func check(_ family: Family) throws {
        let name = family.name
        guard name.wholeMatch(of: /(lather|process)_[a-z][a-z_]*/) != nil, !family.samples.isEmpty else {
            throw Failure("\(name) is odd or empty")
        }
        guard name.hasSuffix("_total") == (family.type == "counter") else { throw Failure("\(name) is no \(family.type)") }
        guard name.firstMatch(of: /(_bucket|_count|_sum|milliseconds|kilobytes)$/) == nil else { throw Failure("\(name) has a bad end") }
        guard Set(family.samples.map { $0.labels.merging(["": $0.name]) { $1 } }).count == family.samples.count else {
            throw Failure("\(name) has a sample twice")
        }
        if family.type == "histogram" { return try checkHistogram(family) }
        for sample in family.samples {
            guard sample.name == name, sample.labels["le"] == nil, sample.labels["quantile"] == nil, sample.value.isFinite,
                family.type == "gauge" || sample.value >= 0
            else { throw Failure("\(name) has an odd sample: \(sample)") }
        }
    }

    private static func checkHistogram(_ family: Family) throws {
        var groups: [[String: String]: [Sample]] = [:]
        for sample in family.samples { groups[sample.labels.filter { $0.key != "le" }, default: []].append(sample) }
        for (labels, samples) in groups {
            let buckets = samples.filter { $0.name == "\(family.name)_bucket" }
            let bounds = buckets.compactMap { number(Substring($0.labels["le"] ?? "")) }
            let counts = buckets.map(\.value)
            guard samples.map(\.name) == buckets.map(\.name) + ["\(family.name)_sum", "\(family.name)_count"],
                bounds.count == buckets.count, bounds.last == .infinity, zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 }),
                zip(counts, counts.dropFirst()).allSatisfy({ $0 <= $1 }), counts.allSatisfy({ $0 >= 0 && $0 == $0.rounded() }),
                samples.last?.value == counts.last, samples[buckets.count].value.isFinite
            else { throw Failure("\(family.name) \(labels) is not a whole histogram") }
        }
    }
}
