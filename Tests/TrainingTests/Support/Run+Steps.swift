import Memory
import SOAP
import Safetensors
import Storage
import StrictJSON
import Testing

@testable import Training

extension Run {
    /// Takes a step at run level.
    @discardableResult
    func put(
        _ number: Int?, _ tensors: [Sent], metadata: [(key: String, value: String)] = [], epoch: Int? = nil,
        _ inputs: @Sendable (inout StepInputs) -> Void = { _ in }
    ) throws -> StepAnswer {
        try takeStep(number, body: body(tensors, metadata: metadata), inputs: StepInputs(inputs), epoch: epoch)
    }

    /// Takes a step of one parameter.
    @discardableResult
    func put(
        _ number: Int, of name: TensorName, _ bytes: [UInt8], epoch: Int? = nil, _ inputs: @Sendable (inout StepInputs) -> Void = { _ in }
    ) throws -> StepAnswer {
        try takeStep(number, of: name, body: buffer(bytes), inputs: StepInputs(inputs), epoch: epoch)
    }

    /// Applies a merge patch, given as JSON text.
    func patch(_ text: String) throws {
        _ = try patch(JSONValue(parsing: Array(text.utf8)), epoch: nil)
    }

    /// All that a step may change, bit for bit, together with what lies on disk.
    func snapshot() throws -> Snapshot {
        var tensors: [String: [UInt8]] = [:]
        for parameter in parameters.all {
            for key in parameter.state.stateKeys {
                tensors["\(parameter.name) \(key.name)"] = parameter.state.withState(key) { Array(UnsafeRawBufferPointer($0)) }
            }
            tensors["\(parameter.name) weights"] = parameter.weights.map { Array($0.bytes) }
            tensors["\(parameter.name) answer"] = parameter.record?.content.map { Array($0.bytes) }
        }
        tensors["answer"] = record?.content.map { Array($0.bytes) }
        return Snapshot(
            step: step, epoch: epoch, level: level?.rawValue,
            counts: parameters.all.map { [$0.state.step, $0.lastNumber, $0.state.lastRefreshStep ?? -1] },
            names: parameters.all.map(\.name.description), tensors: tensors, logEntries: try store.logEntryCount(of: id),
            reserved: surroundings.ledger.reservedByteCount)
    }

    struct Snapshot: Equatable {
        var step: Int
        var epoch: Int
        var level: String?
        var counts: [[Int]]
        var names: [String]
        var tensors: [String: [UInt8]]
        var logEntries: Int
        var reserved: Int
    }

    /// From now on memory holds nothing that can be relied on.
    func lose() {
        agreement = .lost
    }

    /// How often each parameter's state was stepped.
    func stepCounts() -> [String: Int] {
        Dictionary(uniqueKeysWithValues: parameters.all.map { ($0.name.description, $0.state.step) })
    }
}

extension StepInputs {
    init(_ change: (inout StepInputs) -> Void) {
        self.init()
        change(&self)
    }
}

/// Checks that something is refused with this code, and hands out the refusal.
@discardableResult
func expectRefusal(
    _ code: TrainingError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> TrainingError? {
    let error = await #expect(throws: TrainingError.self, sourceLocation: sourceLocation) { try await body() }
    #expect(error?.code == code, "\(error?.detail ?? "")", sourceLocation: sourceLocation)
    return error
}

extension TrainingError {
    func field(_ name: String) -> JSONValue? { fields.first { $0.name == name }?.value }
}
