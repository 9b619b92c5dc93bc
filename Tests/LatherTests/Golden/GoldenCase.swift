import Foundation
import StrictJSON

/// A recorded trajectory in float64, as `Tests/SOAPTests/Golden` keeps it, ready to be sent.
struct GoldenCase {
    /// The options as a manifest takes them.
    let optimizer: JSONValue
    let shape: [Int]
    /// The rate of each step, where it changes.
    let learningRates: [JSONNumber]?
    /// What rounding alone can do to each step's update.
    let referenceErrors: [Double]
    /// The steps at which that is little enough to compare, from 1 on.
    let comparedSteps: Set<Int>
    let stepCount: Int
    private let tensors: [String: NamedTensor]

    private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../SOAPTests/Golden").standardizedFileURL

    /// Every case that is there.
    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? [])
        .filter { $0.hasSuffix(".safetensors") }.map { String($0.dropLast(".safetensors".count)) }.sorted()

    init(named name: String) throws {
        let bytes = Array(try Data(contentsOf: GoldenCase.directory.appendingPathComponent("\(name).safetensors")))
        let (tensors, metadata) = try [NamedTensor].decode(bytes)
        func value(_ key: String) throws -> JSONValue? { try metadata[key].map { try JSONValue(parsing: Array($0.utf8)) } }
        guard let optimizer = try value("config"), let shape = try value("shape")?.arrayValue,
            let errors = try value("reference_error")?.arrayValue, let compared = try value("compare")?.arrayValue,
            let stepCount = try value("steps")?.numberValue?.integer
        else { throw TestFailure("the golden case \(name) lacks metadata") }
        self.optimizer = optimizer
        self.shape = shape.compactMap { $0.numberValue?.integer }
        learningRates = try value("lr")?.arrayValue?.compactMap(\.numberValue)
        referenceErrors = errors.compactMap { $0.numberValue?.double }
        comparedSteps = Set(compared.compactMap { $0.numberValue?.integer })
        self.stepCount = stepCount
        self.tensors = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) })
    }

    /// The tensors of the recorded final state.
    var stateNames: Set<String> {
        Set(tensors.keys.filter { $0.hasPrefix("exp_avg") || $0.hasPrefix("factor.") || $0.hasPrefix("basis.") })
    }

    func elements(_ name: String) throws -> [Float] {
        guard let tensor = tensors[name] else { throw TestFailure("a golden case has no \(name)") }
        return tensor.elements
    }
}
