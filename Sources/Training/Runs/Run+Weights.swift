import Logging
public import Memory
import Safetensors
import Storage
import StrictJSON

extension Run {
    /// Takes the weights of every parameter into the server's care; from now on a step applies its update to them.
    ///
    /// They are on disk when this returns, in every durability.
    ///
    /// - Parameter body: safetensors that names every parameter. A run with an open list registers new ones from it.
    public func hostWeights(_ body: AlignedBuffer, epoch: Int?) throws(TrainingError) {
        try admitWrite(epoch: epoch)
        let file = try readWeights(body)
        // One that is under way may be of this step, and without them.
        settleCheckpoint()
        let reserved = try reserve(file)
        let hasCheckpoint: Bool
        do throws(TrainingError) {
            // The log can hold them if what they are put on is in the log or in a checkpoint.
            if checkpointing.isAhead { try writeCheckpoint() }
            hasCheckpoint = try checkpoints().last?.step == step
            let entry = LogEntry(
                kind: .weights, parameter: nil, step: step, epoch: self.epoch, attributes: "{}", bodyDigest: sha256(body.bytes))
            try append(entry, body: [body.bytes])
        } catch {
            release(reserved)
            throw error
        }
        apply(file)
        // They belong to this step: its checkpoint is made anew with them, so that a restore finds them when the log is gone.
        if hasCheckpoint {
            do {
                try writeCheckpoint()
            } catch {
                logger.warning(
                    "weights are in no checkpoint yet",
                    metadata: ["run": "\(name)", "step": .stringConvertible(step), "reason": "\(error.detail)"])
            }
        }
        scheduleCheckpointIfDue()
    }

    /// The hosted weights as safetensors, F32.
    public func weights() throws(TrainingError) -> AlignedBuffer {
        try ensureOpen()
        guard parameters.hostsWeights else {
            throw TrainingError(.weightsNotHosted, "The run \"\(name)\" hosts no weights; PUT them here first.")
        }
        return copies.copy(.weights, make: copyWeights)
    }

    private func copyWeights() -> AlignedBuffer {
        let hosted = parameters.all
        let layout = SafetensorsLayout.trusted(hosted.map { TensorSpec(name: $0.name, dtype: .f32, shape: $0.shape) })
        let buffer = surroundings.buffers.take(count: layout.byteCount)
        buffer.mutableBytes.copyBytes(from: layout.header)
        for (index, parameter) in hosted.enumerated() {
            guard let weights = parameter.weights else { continue }
            UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[layout.range(of: index)]).copyMemory(from: weights.bytes)
        }
        return buffer
    }

    /// Reads weights and checks them against the run; changes nothing.
    func readWeights(_ body: AlignedBuffer) throws(TrainingError) -> TensorFile {
        let file = try TensorFile(reading: body)
        try manifest.checkNew(file.tensors.lazy.map(\.name).filter { self.parameters.byName[$0] == nil })
        for tensor in file.tensors {
            _ = try manifest.admit(tensor.name, tensor.shape, known: parameters.byName[tensor.name], as: "weights")
            try Run.checkWeights(tensor, of: tensor.name)
        }
        let given = Set(file.tensors.map(\.name))
        let missing = parameters.all.map(\.name).filter { !given.contains($0) }
        guard missing.isEmpty, !given.isEmpty else {
            throw TrainingError(
                .weightsIncomplete, "Weights must name every parameter; \(missing.count) are missing.",
                [("missing", .array(missing.prefix(20).map { .string($0.description) }))])
        }
        return file
    }

    /// Refuses weights of a dtype that is not taken, or that are not finite.
    static func checkWeights(_ tensor: TensorView, of name: TensorName) throws(TrainingError) {
        guard ElementConversion.supported.contains(tensor.dtype) else {
            throw TrainingError(
                .wrongDType, "\"\(name)\" is \(tensor.dtype.rawValue); weights are F32, F64, F16 or BF16.",
                [("parameter", .string(name.description)), ("got", .string(tensor.dtype.rawValue))])
        }
        let scan = ElementConversion.scan(tensor.bytes, tensor.dtype, scale: 1)
        guard scan.nonFiniteCount == 0 else {
            throw TrainingError(
                .nonFiniteWeight,
                "The weights of \"\(name)\" have \(scan.nonFiniteCount) elements that are NaN, infinite or beyond F32.",
                [("parameter", .string(name.description)), ("nonfinite_count", JSONValue(scan.nonFiniteCount))])
        }
    }

    /// Changes the run; replaying the log comes through here too.
    func apply(_ file: TensorFile) {
        for tensor in file.tensors {
            let parameter =
                parameters.byName[tensor.name] ?? register(tensor.name, shape: tensor.shape, group: manifest.group(of: tensor.name))
            let weights = parameter.weights ?? AlignedBuffer(count: parameter.elementCount * MemoryLayout<Float>.size)
            ElementConversion.widen(tensor.bytes, tensor.dtype, scale: 1, into: weights.mutableBytes.bindMemory(to: Float.self))
            parameter.weights = weights
        }
        if level == .parameter { step = parameters.smallestNumber }
        checkpointing.changes += 1
        publish()
    }

    /// Reserves memory for hosted weights and for the parameters they name first; answers how much.
    func reserve(_ file: TensorFile) throws(TrainingError) -> Int {
        let estimates = file.tensors.filter { parameters.byName[$0.name] == nil }.map {
            StateEstimate(name: $0.name, shape: $0.shape, options: (manifest.group(of: $0.name)?.settings ?? manifest.settings).options)
        }
        let hosted = file.tensors.filter { parameters.byName[$0.name]?.weights == nil }.reduce(0) {
            $0 + $1.elementCount * MemoryLayout<Float>.size
        }
        let (needed, overflow) = estimates.byteCount.addingReportingOverflow(hosted)
        if needed > 0 { try reserve(overflow ? .max : needed, for: estimates) }
        return needed
    }
}
