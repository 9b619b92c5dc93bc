import Foundation
public import Memory
import SOAP
public import Safetensors
public import StrictJSON

/// A tensor of a parameter's state as it was at one moment.
public struct StateTensor: Sendable {
    /// Its dimensions, the slowest first.
    public let shape: [Int]
    /// F32, row-major.
    public let values: AlignedBuffer
}

extension Run {
    /// The run's status once it is known what the disk holds. Waits for a step in flight.
    public func settledStatus() throws(TrainingError) -> RunStatus {
        try ensureOpen()
        return status
    }

    /// The run's description together with what each parameter's state takes.
    public func description() throws(TrainingError) -> JSONObject {
        try ensureOpen()
        var json = status.json
        json["parameters"] = .array(
            parameters.all.map { parameter in
                var entry: JSONObject = [
                    "name": .string(parameter.name.description), "shape": Manifest.json(parameter.shape),
                    "state_bytes": JSONValue(parameter.stateByteCount),
                ]
                if let group = parameter.group { entry["group"] = .string(group.name.description) }
                return .object(entry)
            })
        return json
    }

    /// How long a list of parameters may hold up the next step for the sake of its figures.
    private static let summaryTime = Duration.milliseconds(100)

    /// Every parameter, with figures that may be some steps old; asking again brings those that time did not suffice for.
    public func parameterDescriptions() throws(TrainingError) -> JSONValue {
        try ensureOpen()
        let deadline = ContinuousClock.now + Run.summaryTime
        for parameter in parameters.all.sorted(by: { $0.summary?.step ?? -1 < $1.summary?.step ?? -1 }) {
            guard ContinuousClock.now < deadline else { break }
            parameter.refreshSummary()
        }
        return .array(parameters.all.map { .object($0.json) })
    }

    /// One parameter, with figures of this moment, or of some steps ago where making them takes long: see `measured_at_step`.
    public func parameterDescription(_ name: TensorName) throws(TrainingError) -> JSONObject {
        try ensureOpen()
        let parameter = try parameter(name)
        parameter.refreshSummary()
        return parameter.json
    }

    /// The state tensors that a parameter has now: name, shape, bytes.
    public func stateList(of name: TensorName) throws(TrainingError) -> JSONValue {
        try ensureOpen()
        let parameter = try parameter(name)
        var tensors = parameter.state.stateKeys.map { ($0.name, parameter.state.stateShape($0) ?? []) }
        for (dimension, size) in parameter.shape.enumerated() where parameter.state.stateShape(.factor(dimension)) != nil {
            tensors.append(("eigenvalues.\(dimension)", [size]))
        }
        return .array(
            tensors.map { name, shape in
                [
                    "name": .string(name), "dtype": "F32", "shape": Manifest.json(shape),
                    "bytes": JSONValue(shape.reduce(1, *) * MemoryLayout<Float>.size),
                ]
            })
    }

    /// A copy of one state tensor: `exp_avg`, `exp_avg_sq`, `factor.D`, `basis.D` or `eigenvalues.D`.
    public func stateTensor(_ tensor: String, of name: TensorName) throws(TrainingError) -> StateTensor {
        try ensureOpen()
        let parameter = try parameter(name)
        if let key = StateKey(name: tensor), let shape = parameter.state.stateShape(key) {
            let values = copies.copy(.init(parameter: name, tensor: tensor)) { parameter.state.withState(key, copy) }
            return StateTensor(shape: shape, values: values)
        }
        for dimension in parameter.shape.indices where tensor == "eigenvalues.\(dimension)" {
            guard let values = parameter.state.approximateEigenvalues(dimension: dimension) else { break }
            return StateTensor(shape: [values.count], values: values.withUnsafeBufferPointer(copy))
        }
        throw TrainingError(
            .unknownTensor, "The state of \"\(name)\" has no tensor \"\(tensor)\" now; bases exist from the first refresh on.",
            [("parameter", .string(name.description)), ("tensor", .string(tensor))])
    }

    private func copy(_ values: UnsafeBufferPointer<Float>) -> AlignedBuffer {
        let buffer = surroundings.buffers.take(count: values.count * MemoryLayout<Float>.size)
        buffer.mutableBytes.copyMemory(from: UnsafeRawBufferPointer(values))
        return buffer
    }
}

extension TrainedParameter {
    /// Where the bytes are: those of each state tensor, bases that are not made yet among them, and of hosted weights.
    private var byteCounts: JSONObject {
        var counts = JSONObject()
        for key in SOAPParameter<Float>.stateKeys(shape: shape, options: settings.options, hasBases: true) {
            counts[key.name] = JSONValue(key.shape(in: shape).reduce(MemoryLayout<Float>.size, *))
        }
        if let weights { counts["weights"] = JSONValue(weights.count) }
        return counts
    }

    /// As the parameters resource shows it.
    fileprivate var json: JSONObject {
        var json: JSONObject = [
            "name": .string(name.description), "shape": Manifest.json(shape), "group": group.map { .string($0.name.description) } ?? .null,
            "step": JSONValue(max(state.step, lastNumber)), "state_bytes": JSONValue(stateByteCount),
            "bytes": .object(byteCounts),
            "gradient_rms": lastStep.map { JSONValue($0.gradientRMS) } ?? .null,
            "update_rms": lastStep.map { JSONValue($0.updateRMS) } ?? .null,
            "update_rms_over_lr": lastStep.map { $0.learningRate > 0 ? JSONValue($0.updateRMS / $0.learningRate) : .null } ?? .null,
            "kept_old_basis": .bool(lastStep?.keptOldBasis ?? false), "double_fallbacks": JSONValue(lastStep?.doubleFallbacks ?? 0),
            "last_refresh_step": state.lastRefreshStep.map { JSONValue($0) } ?? .null,
            "measured_at_step": summary.map { JSONValue($0.step) } ?? .null,
        ]
        let figures = summary?.figures
        json["exp_avg_norm"] = figures.map { JSONValue($0.expAvgNorm) } ?? .null
        json["exp_avg_sq_norm"] = figures.map { JSONValue($0.expAvgSqNorm) } ?? .null
        json["factors"] = .array(
            (figures?.dimensions ?? []).map { dimension in
                [
                    "dimension": JSONValue(dimension.dimension), "size": JSONValue(dimension.size),
                    "eigenvalue_max": JSONValue(dimension.largestEigenvalue), "eigenvalue_min": JSONValue(dimension.smallestEigenvalue),
                    "condition": dimension.condition.map { JSONValue($0) } ?? .null,
                    "orthogonality_error": dimension.orthogonalityError.map { JSONValue($0) } ?? .null,
                ]
            })
        return json
    }
}
