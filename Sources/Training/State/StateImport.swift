import LinearAlgebra
import Memory
import SOAP
import Safetensors
import StrictJSON

/// A state that has been read and compared with the run it is for, and that has changed nothing yet.
///
/// Names, shapes and dtypes are settled here, before any memory is asked for; the values are judged while
/// ``makeParameters()`` converts them.
struct StateImport {
    struct Entry {
        let stored: StoredParameter
        let group: Manifest.Group?
        let options: SOAPOptions
        /// Hosted weights that stay, because the file has none.
        let keptWeights: AlignedBuffer?
    }

    let file: StateFile
    let entries: [Entry]
    private let manifest: Manifest

    /// Whether the run goes on with the hosted weights that it has.
    var keepsWeights: Bool { entries.contains { $0.keptWeights != nil } }

    /// - Parameter present: the run's parameters, each of which the file must name.
    init(_ file: StateFile, manifest: Manifest, present: ParameterTable) throws(TrainingError) {
        self.file = file
        self.manifest = manifest
        let stored = Dictionary(uniqueKeysWithValues: file.parameters.map { ($0.name, $0) })
        let missing = present.all.filter { stored[$0.name] == nil }
        guard missing.isEmpty else {
            throw TrainingError(
                .stateIncomplete, "A state must name every parameter of the run; \(missing.count) are missing.",
                [("missing", .array(missing.prefix(20).map { .string($0.name.description) }))])
        }
        let hasWeights = file.parameters.contains { $0.weights != nil }
        let new = file.parameters.filter { present.byName[$0.name] == nil }
        let weightless = hasWeights ? file.parameters.filter { $0.weights == nil } : present.hostsWeights ? new : []
        guard weightless.isEmpty else {
            throw TrainingError(
                .weightsIncomplete, "Weights are hosted for all parameters or for none; \(weightless.count) are without.",
                [("missing", .array(weightless.prefix(20).map { .string($0.name.description) }))])
        }
        try manifest.checkNew(new.lazy.map(\.name))
        var entries: [Entry] = []
        for parameter in present.all.compactMap({ stored[$0.name] }) + new {
            entries.append(try StateImport.entry(parameter, present.byName[parameter.name], file.layout, manifest, hasWeights: hasWeights))
        }
        self.entries = entries
    }

    private static func entry(
        _ stored: StoredParameter, _ known: TrainedParameter?, _ layout: StateFileLayout, _ manifest: Manifest, hasWeights: Bool
    ) throws(TrainingError) -> Entry {
        let name = stored.name
        let group = try manifest.admit(name, stored.shape, known: known, as: "state")
        let options = (group?.settings ?? manifest.settings).options
        if let weights = stored.weights {
            guard weights.shape == stored.shape else {
                throw TrainingError.wrongShape(name, weights, expected: stored.shape, got: weights.shape)
            }
            try Run.checkWeights(weights, of: name)
        }
        var settled = stored
        if layout != .lather { try settleBases(of: &settled, layout, options) }
        // The one option that gives tensors of the same shapes another meaning.
        let hasFactors = stored.tensors.keys.contains { if case .factor = $0 { true } else { false } }
        if hasFactors, let usesKLShampoo = stored.usesKLShampoo, usesKLShampoo != options.useKLShampoo {
            throw TrainingError.invalidState(
                name, nil, "comes from a run with \(usesKLShampoo ? "" : "no ")KL-Shampoo factors, which mean something else here")
        }
        try check(settled, layout, options)
        return Entry(stored: settled, group: group, options: options, keptWeights: hasWeights ? nil : known?.weights)
    }

    /// Finds out whether a parameter of a PyTorch trainer has bases, and since when; matrices that are none yet are left aside.
    private static func settleBases(
        of stored: inout StoredParameter, _ layout: StateFileLayout, _ options: SOAPOptions
    ) throws(TrainingError) {
        let withoutBases = SOAPParameter<Float>.stateKeys(shape: stored.shape, options: options, hasBases: false)
        guard withoutBases != [.expAvg, .expAvgSq] else { return }
        // Here the first bases are made by the step after the warm-up, there by a gradient that comes before all steps.
        let warmup = layout == .emergingOptimizers ? options.adamWarmupSteps : 0
        guard stored.step <= warmup else {
            stored.lastRefreshStep = max(warmup, options.preconditionFrequency.lastDue(through: stored.step - 1)) + 1
            return
        }
        for dimension in stored.shape.indices {
            guard let basis = stored.tensors.removeValue(forKey: .basis(dimension)), layout == .emergingOptimizers else { continue }
            guard isIdentity(basis) else {
                throw TrainingError.invalidState(
                    stored.name, basis,
                    "must be an identity: at step \(stored.step) of \(warmup) steps of Adam warm-up there is no basis yet")
            }
        }
    }

    private static func isIdentity(_ tensor: TensorView) -> Bool {
        guard tensor.shape.count == 2, tensor.shape[0] == tensor.shape[1] else { return false }
        let stride = tensor.shape[0] + 1
        return ElementConversion.doubles(tensor).enumerated().allSatisfy { $1 == ($0.isMultiple(of: stride) ? 1 : 0) }
    }

    /// Compares the tensors with those that shape and options ask for.
    private static func check(_ stored: StoredParameter, _ layout: StateFileLayout, _ options: SOAPOptions) throws(TrainingError) {
        let keys = SOAPParameter<Float>.stateKeys(shape: stored.shape, options: options, hasBases: stored.lastRefreshStep != nil)
        for key in keys {
            let shape = key.shape(in: stored.shape)
            guard let tensor = stored.tensors[key] else { throw TrainingError.missing(key.name(in: layout), of: stored.name, shape: shape) }
            guard tensor.shape == shape else {
                throw TrainingError.wrongShape(stored.name, tensor, expected: shape, got: tensor.shape)
            }
        }
        if let (_, stranger) = stored.tensors.first(where: { !keys.contains($0.key) }) {
            throw TrainingError.invalidState(
                stored.name, stranger,
                "does not belong to a parameter of shape \(stored.shape) at step \(stored.step) with the run's options")
        }
    }

    /// What the state will cost.
    var estimates: [StateEstimate] {
        entries.map { StateEstimate(name: $0.stored.name, shape: $0.stored.shape, options: $0.options) }
    }

    /// Bytes of the new state and of the weights that come with it.
    var byteCount: Int {
        let weights = entries.reduce(0) { $0 + ($1.stored.weights?.elementCount ?? 0) * MemoryLayout<Float>.size }
        let (sum, overflow) = estimates.byteCount.addingReportingOverflow(weights)
        return overflow ? .max : sum
    }

    /// The parameters in their new state; their bytes have been reserved.
    ///
    /// - Throws: `invalid-state` for values that no run could have reached.
    func makeParameters() throws(TrainingError) -> [TrainedParameter] {
        var made: [TrainedParameter] = []
        for entry in entries {
            let parameter = TrainedParameter(name: entry.stored.name, group: entry.group, in: manifest, state: try state(of: entry))
            parameter.weights = entry.keptWeights
            if let weights = entry.stored.weights {
                let buffer = AlignedBuffer(count: weights.elementCount * MemoryLayout<Float>.size)
                ElementConversion.widen(weights.bytes, weights.dtype, scale: 1, into: buffer.mutableBytes.bindMemory(to: Float.self))
                parameter.weights = buffer
            }
            parameter.lastNumber = entry.stored.number
            parameter.durableNumber = entry.stored.number
            parameter.lastStep = entry.stored.lastStep
            made.append(parameter)
        }
        return made
    }

    private func state(of entry: Entry) throws(TrainingError) -> SOAPParameter<Float> {
        let stored = entry.stored
        do {
            return try SOAPParameter<Float>(
                restoring: stored.shape, options: entry.options, step: stored.step, lastRefreshStep: stored.lastRefreshStep,
                keys: Array(stored.tensors.keys)
            ) { key, values in
                guard let tensor = stored.tensors[key] else { return }
                if key == .expAvg, file.layout == .pytorchOptimizer, stored.lastRefreshStep != nil {
                    stored.rotateExpAvg(into: values)
                } else {
                    ElementConversion.widen(tensor.bytes, tensor.dtype, scale: 1, into: values)
                }
            }
        } catch {
            let error = error as? SOAPStateError
            throw TrainingError.invalidState(stored.name, error?.key.flatMap { stored.tensors[$0] }, error?.reason ?? "cannot be restored")
        }
    }
}
