import Logging
import Memory
import SOAP
import Safetensors
import Storage
import StrictJSON

extension Run {
    /// Brings the run to where it stood: the newest checkpoint, then every record of the log after it, through the same
    /// code as the first time. When that checkpoint is damaged, the one before it and the log in reserve lead to the same place.
    ///
    /// - Returns: how many records were done again.
    func recover() throws -> Int {
        isRecovering = true
        defer { isRecovering = false }
        history.load(epoch: epoch)
        let (point, damages) = try beginAnywhere()
        let sequence = point.sequence ?? 0
        let replayed: Int
        do {
            if !damages.isEmpty {
                let more = try Int(store.lastSequence(of: id) - sequence) - store.logEntryCount(of: id)
                surroundings.directory.noteProgress { $0.records[name]?.total += more }
            }
            replayed = try replayLog(after: sequence, isRecovery: true)
            try findAcknowledgedRecords()
            if !damages.isEmpty { try store.fallBack(to: point, of: id) }
        } catch {
            guard !damages.isEmpty, !(error is TrainingError), !RecoveryFailure.isPassing(error) else { throw error }
            let tried = damages + ["nor does the log make up for it: \(RecoveryFailure(error).reason)"]
            throw RecoveryFailure(reason: tried.joined(separator: "; "))
        }
        let hasLost = checkpointing.isAhead
        if hasLost {
            // Steps were answered after the checkpoint and are lost, as this durability says: fence their writers off.
            epoch += 1
            try store.setEpoch(epoch, of: id)
            history.discard(after: step, epoch: epoch)
            try store.markAhead(0, of: id)
            (checkpointing.isMarked, checkpointing.isAhead) = (false, false)
        }
        publish()
        history.begin(epoch: epoch, step: step, last: parameters.all.reduce(step) { max($0, $1.lastNumber) }, hasLost: hasLost)
        if !damages.isEmpty {
            checkpointing.isMissing = true
            scheduleCheckpointIfDue()
        }
        return replayed
    }

    /// A log that ends before a record that was acknowledged has lost it.
    func findAcknowledgedRecords() throws {
        checkpointing.logSequence = try store.lastSequence(of: id)
        try store.requireAcknowledged(of: id)
    }

    /// Fills the empty run from the newest point that is whole.
    ///
    /// - Returns: that point, and what is wrong with those after it.
    private func beginAnywhere() throws -> (RecoveryPoint, damages: [String]) {
        var damages: [String] = []
        for point in try store.recoveryPoints(of: id) {
            do {
                switch point {
                case .beginning: try begin(from: nil)
                case .checkpoint(let checkpoint): try begin(from: checkpoint)
                case .damaged(let error): throw error
                }
                return (point, damages)
            } catch let error as StorageError where error.isDamage {
                empty()
                manifest = original
                damages.append(RecoveryFailure(error).reason)
                surroundings.directory.noteDamagedCheckpoint()
                var metadata: Logger.Metadata = ["run": "\(name)", "reason": "\(error)"]
                if case .checkpoint(let checkpoint) = point { metadata["step"] = .stringConvertible(checkpoint.header.step) }
                logger.error("checkpoint damaged; an earlier one and the log have to do", metadata: metadata)
            }
        }
        throw RecoveryFailure(reason: damages.isEmpty ? "its checkpoint is missing" : damages.joined(separator: "; "))
    }

    /// Fills the empty run with what a checkpoint holds, or with what the manifest lists when there is none.
    func begin(from checkpoint: CheckpointRecord?) throws {
        if let checkpoint { return try load(checkpoint) }
        try reserve(manifest.estimates.byteCount, for: manifest.estimates)
        for parameter in manifest.newParameters() { parameters.add(parameter) }
    }

    // MARK: Checkpoint

    private func load(_ checkpoint: CheckpointRecord) throws {
        // First of all: this compares the header's digest too.
        let tensors = try store.tensors(of: checkpoint.id)
        let metadata = try JSONValue(parsing: Array(checkpoint.header.metadata.utf8))
        var states: [TensorName: [StateKey: CheckpointTensor]] = [:]
        var weights: [TensorName: CheckpointTensor] = [:]
        var answers: [TensorName?: CheckpointTensor] = [:]
        for tensor in tensors {
            switch tensor.kind {
            case .state:
                guard case (let name, .state(let key))? = StateFileKey.split(tensor.name, .lather) else {
                    throw damaged(checkpoint, "it has a tensor \"\(tensor.name)\"")
                }
                states[try TensorName(parameter: name), default: [:]][key] = tensor
            case .weights: weights[try TensorName(parameter: tensor.name)] = tensor
            case .answer: answers[tensor.name.isEmpty ? nil : try TensorName(parameter: tensor.name)] = tensor
            }
        }
        // Checkpoints of earlier versions, which knew no patches, do not hold it.
        if let patched = metadata["manifest"] { manifest = try Manifest(patched, isStored: true) }
        for entry in metadata["parameters"]?.arrayValue ?? [] {
            let parameter = try restore(entry, states, checkpoint)
            if let tensor = weights[parameter.name] {
                try reserve(tensor.byteCount, for: [])
                parameter.weights = try read(tensor)
            }
            parameter.record = try entry["record"].map { try record($0, answers[parameter.name], checkpoint) }
            parameters.add(parameter)
        }
        record = try metadata["record"].map { try record($0, answers[nil], checkpoint) }
        level = metadata["level"]?.stringValue.flatMap { Level(rawValue: $0) }
        step = checkpoint.header.step
        let isAhead = checkpointing.isAhead
        checkpointing.completed(checkpoint.header)
        (checkpointing.isMarked, checkpointing.isAhead) = (isAhead, isAhead)
    }

    private func restore(
        _ entry: JSONValue, _ states: [TensorName: [StateKey: CheckpointTensor]], _ checkpoint: CheckpointRecord
    ) throws -> TrainedParameter {
        guard let text = entry["name"]?.stringValue, let shape = entry["shape"]?.arrayValue?.compactMap(\.integer),
            let step = entry["step"]?.integer, let number = entry["number"]?.integer
        else { throw damaged(checkpoint, "its list of parameters cannot be read") }
        let name = try TensorName(parameter: text)
        let group = entry["group"]?.stringValue.flatMap { TensorName($0) }.flatMap { manifest.group(of: name, naming: $0) }
        let options = (group?.settings ?? manifest.settings).options
        try Manifest.check(shape, of: name, options)
        let estimate = StateEstimate(name: name, shape: shape, options: options)
        try reserve(estimate.byteCount, for: [estimate])
        let tensors = states[name] ?? [:]
        let state = try SOAPParameter<Float>(
            restoring: shape, options: options, step: step, lastRefreshStep: entry["last_refresh_step"]?.integer,
            keys: Array(tensors.keys)
        ) { key, values in
            guard let tensor = tensors[key], tensor.byteCount == values.count * MemoryLayout<Float>.size else {
                throw damaged(checkpoint, "\(text).\(key.name) has another size than its parameter")
            }
            try store.read(tensor, into: UnsafeMutableRawBufferPointer(values))
        }
        let parameter = TrainedParameter(name: name, group: group, in: manifest, state: state)
        parameter.lastNumber = number
        parameter.durableNumber = number
        parameter.lastStep = TrainedParameter.StepFigures(entry["last_step"])
        return parameter
    }

    private func record(_ json: JSONValue, _ tensor: CheckpointTensor?, _ checkpoint: CheckpointRecord) throws -> StepRecord {
        guard let step = json["step"]?.integer, let digest = json["body_sha256"]?.stringValue.flatMap({ bytes(hex: $0) }),
            let inputs = json["inputs"]?.objectValue.flatMap({ StepInputs($0) }), let hasContent = json["has_content"]?.boolValue,
            hasContent == (tensor != nil)
        else { throw damaged(checkpoint, "the record of its last step cannot be read") }
        return StepRecord(
            step: step, identity: StepIdentity(bodyDigest: digest, inputs: inputs), content: try tensor.map(read),
            weightScale: json["weight_scale"]?.double)
    }

    func read(_ tensor: CheckpointTensor) throws -> AlignedBuffer {
        let buffer = surroundings.buffers.take(count: tensor.byteCount)
        try store.read(tensor, into: buffer.mutableBytes)
        return buffer
    }

    private func damaged(_ checkpoint: CheckpointRecord, _ what: String) -> RecoveryFailure {
        RecoveryFailure(reason: "the checkpoint of step \(checkpoint.header.step) is damaged: \(what)")
    }

    // MARK: Log

    /// - Parameters:
    ///   - last: the last record to be done again.
    ///   - isRecovery: whether records in reserve are done too, and count as progress.
    /// - Returns: how many records were done.
    @discardableResult
    func replayLog(after sequence: Int64, through last: Int64 = .max, isRecovery: Bool = false) throws -> Int {
        var replayed = 0
        var differing: [Int] = []
        try store.forEachLogEntry(of: id, after: sequence, through: last, inReserve: isRecovery) { record, body in
            if case .stopping = surroundings.directory.readiness { throw TrainingError.shuttingDown }
            if let step = try replay(record, try body()) { differing.append(step) }
            checkpointing.logSequence = record.sequence
            replayed += 1
            if isRecovery { surroundings.directory.noteProgress { $0.records[name]?.done += 1 } }
        }
        if let first = differing.first {
            logger.warning(
                "replayed steps gave other bits than the first time; was the binary, the machine, OPENBLAS_CORETYPE or LATHER_KERNELS changed?",
                metadata: ["run": "\(name)", "first_step": .stringConvertible(first), "steps": .stringConvertible(differing.count)])
        }
        return replayed
    }

    /// Does again what a record of the log says.
    ///
    /// - Returns: the number of the step before it, if that was answered with other bits than the first time.
    private func replay(_ logged: LogRecord, _ body: AlignedBuffer) throws -> Int? {
        let entry = logged.entry
        checkpointing.logByteCount += body.count + entry.attributes.utf8.count
        switch entry.kind {
        case .step, .parameterStep:
            return try replayStep(logged, body)
        case .weights:
            let file = try readWeights(body)
            _ = try reserve(file)
            apply(file)
        case .stateImport:
            try replayImport(body, epoch: entry.epoch)
        case .patch:
            adopt(try manifest.patched(with: JSONValue(parsing: Array(entry.attributes.utf8))))
        }
        return nil
    }

    private func replayStep(_ logged: LogRecord, _ body: AlignedBuffer) throws -> Int? {
        let entry = logged.entry
        let attributes = try JSONValue(parsing: Array(entry.attributes.utf8))
        guard let inputs = attributes["inputs"]?.objectValue.flatMap({ StepInputs($0) }) else {
            throw RecoveryFailure(reason: "record \(logged.sequence) of its log cannot be read")
        }
        var plan: StepPlan
        let differing: Int?
        if entry.kind == .parameterStep {
            let parameter = try parameter(try TensorName(parameter: entry.parameter ?? ""))
            try Run.requireNext(logged, after: parameter.lastNumber)
            differing = Run.differing(parameter.record, entry, attributes)
            plan = try StepPlan(raw: body, for: parameter, inputs: inputs, in: context)
        } else {
            try Run.requireNext(logged, after: step)
            differing = Run.differing(record, entry, attributes)
            plan = try StepPlan(safetensors: body, inputs: inputs, in: context)
        }
        // The first judgement stands: what was answered then must not be refused now, for a norm in another last bit.
        _ = plan.judge(on: surroundings.pool)
        plan.isSkipped = attributes["skipped"]?.boolValue ?? false
        _ = try reserve(plan)
        let (_, outcome) = apply(plan, StepIdentity(bodyDigest: entry.bodyDigest, inputs: inputs), step: entry.step, isDurable: true)
        note(outcome.totals, plan.form, entry.step, doneAgain: logged)
        return differing
    }

    /// A step that does not follow the one before it has been put on another state the first time.
    private static func requireNext(_ logged: LogRecord, after last: Int) throws {
        guard logged.entry.step == last + 1 else {
            throw RecoveryFailure(
                reason: "record \(logged.sequence) of its log is step \(logged.entry.step), which cannot follow step \(last)")
        }
    }

    /// The number of the step before an entry, if its answer is not the one whose digest the log holds.
    private static func differing(_ previous: StepRecord?, _ entry: LogEntry, _ attributes: JSONValue) -> Int? {
        let kind = AnswerDigest(rawValue: attributes["answer_digest"]?.stringValue ?? AnswerDigest.sha256.rawValue)
        guard let previous, let expected = entry.previousAnswerDigest, let kind, previous.digest(kind) != expected else { return nil }
        return previous.step
    }
}

extension StorageError {
    /// Whether what was written cannot be had back, however often one asks.
    var isDamage: Bool {
        switch kind {
        case .corrupt, .notFound: true
        default: false
        }
    }
}
