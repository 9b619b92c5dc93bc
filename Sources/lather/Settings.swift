import Foundation
import Training

/// Values from the command line, else from the environment: `--max-body-bytes` is `LATHER_MAX_BODY_BYTES`.
struct Settings {
    /// An empty variable is the same as none.
    let environment: [String: String]

    /// - Parameters:
    ///   - given: what the command line says.
    ///   - option: its name without dashes.
    func text(_ given: String?, _ option: String) -> String? {
        given ?? environment[Settings.variable(option)].flatMap { $0.isEmpty ? nil : $0 }
    }

    func number(_ given: Int?, _ option: String, _ range: ClosedRange<Int>) throws(Failure) -> Int? {
        if let given {
            guard range.contains(given) else {
                throw Failure(.usage, "--\(option) must be \(Settings.describe(range)), not \(given)")
            }
            return given
        }
        guard let text = text(nil, option) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw Failure(.usage, "\(Settings.variable(option)) must be \(Settings.describe(range)), not \"\(text)\"")
        }
        return number
    }

    func flag(_ given: Bool, _ option: String) throws(Failure) -> Bool {
        switch environment[Settings.variable(option)] {
        case nil, "", "false", "0": given
        case "true", "1": true
        case let other?: throw Failure(.usage, "\(Settings.variable(option)) must be true or false, not \"\(other)\"")
        }
    }

    /// Refuses a value of `LATHER_KERNELS` that the optimizer, which reads it itself, would not know.
    func checkKernels() throws(Failure) {
        guard let name = text(nil, "kernels"), !EngineFacts.kernelLimits.contains(name) else { return }
        throw Failure(.usage, "LATHER_KERNELS must be one of \(EngineFacts.kernelLimits.joined(separator: ", ")), not \"\(name)\"")
    }

    private static func variable(_ option: String) -> String {
        "LATHER_" + option.uppercased().replacingOccurrences(of: "-", with: "_")
    }

    private static func describe(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max
            ? "a whole number from \(range.lowerBound) on" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    }
}
