import Foundation
import StrictJSON
import Testing

@testable import Training

/// The documented options, written out once more: nothing may be missing or extra in what reads them and in what
/// describes them, and every default is the documented one.
struct OptionListTests {
    /// Names and defaults (as JSON) of the SOAP class, and ours at the end.
    static let documented: KeyValuePairs = [
        "lr": nil, "betas": "[0.9, 0.95]", "shampoo_beta": "0.95", "eps": "1e-8", "weight_decay": "0.01",
        "weight_decay_method": #""decoupled""#, "use_nesterov": "false", "precondition_frequency": "1", "adam_warmup_steps": "0",
        "precondition_1d": "false", "correct_bias": "true", "correct_shampoo_beta_bias": "null", "fp32_matmul_prec": #""high""#,
        "qr_fp32_matmul_prec": #""high""#, "use_eigh": "false", "use_adaptive_criteria": "false", "adaptive_update_tolerance": "1e-7",
        "power_iter_steps": "1", "max_update_rms": "0", "use_kl_shampoo": "false", "max_precondition_dim": "null",
        "stagger_refresh": "false",
    ]

    private typealias Defaults = [String: JSONValue?]

    private let expected: Defaults

    init() throws {
        expected = try Dictionary(uniqueKeysWithValues: OptionListTests.documented.map { ($0, try $1.map(OptionListTests.json)) })
    }

    @Test func theDecoderKnowsExactlyTheDocumentedOptions() throws {
        #expect(OptionTable.entries.map(\.name) == OptionListTests.documented.map(\.key))
        let read: Defaults = Dictionary(uniqueKeysWithValues: OptionTable.entries.map { ($0.name, $0.defaultValue) })
        #expect(read == expected)
    }

    /// Rows of the form "| `eps` | `1e-8` | …"; the default of what is required is not code.
    @Test func theReadmeListsExactlyTheDocumentedOptions() throws {
        let section = try #require(OptionListTests.file("README.md").split(separator: "\n## Options\n").dropFirst().first)
        let table = try #require(section.split(separator: "\n## ").first)
        let rows = table.matches(of: #/(?m)^\| `(\w+)` \| (?:`(.+?)`|required) \| .+ \|$/#)
        var listed: Defaults = [:]
        for row in rows { listed.updateValue(try row.2.map { try OptionListTests.json(String($0)) }, forKey: String(row.1)) }
        #expect(rows.map { String($0.1) } == OptionListTests.documented.map(\.key))
        #expect(listed == expected)
    }

    /// What groups cannot set stands in a schema of its own.
    @Test func theContractListsExactlyTheDocumentedOptions() throws {
        let contract = try OptionListTests.file("openapi.yaml")
        let listed = try OptionListTests.properties(of: "Optimizer", indentedBy: 12, in: contract)
            .merging(OptionListTests.properties(of: "OptimizerOptions", indentedBy: 8, in: contract)) { first, _ in first }
        #expect(listed == expected)
    }

    /// The properties of a schema and their defaults, from YAML as this file is written.
    private static func properties(of schema: String, indentedBy indent: Int, in contract: String) throws -> Defaults {
        let lines = contract.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0 == "    \(schema):" })
        let key = try Regex<(Substring, Substring)>("^ {\(indent)}(\\w+):")
        var defaults: Defaults = [:]
        var current: String?
        for line in lines[(start + 1)...].prefix(while: { $0.hasPrefix("     ") }) {
            if let name = line.firstMatch(of: key)?.1 {
                current = String(name)
                defaults.updateValue(nil, forKey: String(name))
            }
            if let current, let value = line.firstMatch(of: #/default: (\[.*?\]|[^,}\s]+)/#)?.1 {
                defaults[current] = (try? json(String(value))) ?? .string(String(value))
            }
        }
        return defaults
    }

    private static func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    private static func file(_ name: String) throws -> String {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..").standardizedFileURL
        return try String(contentsOf: package.appendingPathComponent(name), encoding: .utf8)
    }
}
