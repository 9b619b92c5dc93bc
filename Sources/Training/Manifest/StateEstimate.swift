import SOAP
import Safetensors
import StrictJSON

/// What a parameter's state will cost, before any of it exists.
struct StateEstimate {
    let name: TensorName
    let shape: [Int]
    let options: SOAPOptions

    var byteCount: Int { SOAPParameter<Float>.stateByteCount(shape: shape, options: options) ?? .max }

    /// The same with no preconditioned dimension over `limit`; KL-Shampoo takes no such limit.
    func limited(to limit: Int) -> StateEstimate {
        var options = options
        if !options.useKLShampoo { options.maxPreconditionDim = min(limit, options.maxPreconditionDim ?? limit) }
        return StateEstimate(name: name, shape: shape, options: options)
    }

    var json: JSONValue {
        ["name": .string(name.description), "shape": Manifest.json(shape), "state_bytes": JSONValue(byteCount)]
    }
}

extension [StateEstimate] {
    /// Bytes of all together; the largest Int if they cannot be counted.
    var byteCount: Int {
        reduce(0) { sum, estimate in
            let (result, overflow) = sum.addingReportingOverflow(estimate.byteCount)
            return overflow ? .max : result
        }
    }
}

extension Manifest {
    /// The parameters that the manifest lists, as they will cost.
    var estimates: [StateEstimate] {
        listed.map { StateEstimate(name: $0.name, shape: $0.shape, options: ($1?.settings ?? settings).options) }
    }

    /// The parameters that the manifest lists, at their beginning.
    func newParameters() -> [TrainedParameter] {
        listed.map { TrainedParameter(name: $0.name, shape: $0.shape, group: $1, in: self) }
    }
}

extension TrainingError {
    /// State that does not fit: what it needs, what costs most, and what a limit on preconditioned dimensions would save.
    static func outOfMemory(_ estimates: [StateEstimate], needed: Int, _ ledger: MemoryLedger) -> TrainingError {
        let available = ledger.budget - ledger.reservedByteCount
        let savings = [4096, 1024, 256].map { limit in
            JSONValue.object([
                "max_precondition_dim": JSONValue(limit), "state_bytes": JSONValue(estimates.map { $0.limited(to: limit) }.byteCount),
            ])
        }
        return TrainingError(
            .outOfMemory,
            "The state needs \(needed) bytes; \(available) of the memory budget of \(ledger.budget) bytes are free. "
                + "A max_precondition_dim saves most on the costliest parameters.",
            [
                ("needed_bytes", JSONValue(needed)), ("available_bytes", JSONValue(available)),
                ("budget_bytes", JSONValue(ledger.budget)),
                ("costliest", .array(estimates.sorted { $0.byteCount > $1.byteCount }.prefix(5).map(\.json))),
                ("with_max_precondition_dim", .array(savings)),
            ])
    }
}
