import Memory
import SOAP
import Safetensors
import StrictJSON

/// What reading a step needs to know of its run.
struct StepContext {
    let manifest: Manifest
    let parameters: [TensorName: TrainedParameter]
    let hostsWeights: Bool
    /// Of the body before, if there is one.
    let header: SafetensorsFile.Header?
}

extension StepPlan {
    /// Reads the body of a run-level step: safetensors, one tensor a parameter.
    init(safetensors body: AlignedBuffer, inputs: StepInputs, in context: StepContext) throws(TrainingError) {
        let file = try TensorFile(reading: body, known: context.header)
        var effective = inputs
        if let text = file.metadata("lr") {
            let rate = try StepPlan.rate(text)
            if let other = inputs.learningRate, other != rate {
                throw TrainingError(
                    .invalidStepOption, "The query says lr \(other), the body's metadata says lr \(rate); send one of them.",
                    [("option", "lr"), ("query", JSONValue(other)), ("metadata", JSONValue(rate))])
            }
            effective.learningRate = rate
        }
        guard !file.tensors.isEmpty else {
            throw TrainingError(.emptyStep, "The body names no parameter, so there is no step to take.")
        }
        try StepPlan.check(effective, context)
        try context.manifest.checkNew(file.tensors.lazy.map(\.name).filter { context.parameters[$0] == nil })
        var entries: [Entry] = []
        entries.reserveCapacity(file.tensors.count)
        for tensor in file.tensors {
            entries.append(try StepPlan.entry(tensor.name, tensor.shape, tensor.dtype, tensor.bytes, effective, context))
        }
        self.init(form: .run, inputs: inputs, entries: entries, body: body, header: file.header)
    }

    /// Reads the body of a parameter-level step: the bare tensor, little-endian, row-major.
    init(raw body: AlignedBuffer, for parameter: TrainedParameter, inputs: StepInputs, in context: StepContext) throws(TrainingError) {
        try StepPlan.check(inputs, context)
        let dtype = inputs.dtype ?? .f32
        let expected = parameter.elementCount * dtype.byteCount
        guard body.count == expected else {
            throw TrainingError(
                .wrongLength,
                "\"\(parameter.name)\" has the shape \(parameter.shape), which is \(expected) bytes of \(dtype.rawValue); the body has \(body.count).",
                [
                    ("parameter", .string(parameter.name.description)), ("expected", JSONValue(expected)),
                    ("got", JSONValue(body.count)),
                ])
        }
        let entry = try StepPlan.entry(parameter.name, parameter.shape, dtype, body.bytes, inputs, context)
        self.init(form: .parameter, inputs: inputs, entries: [entry], body: body, header: nil)
    }

    private static func entry(
        _ name: TensorName, _ shape: [Int], _ dtype: DType, _ bytes: UnsafeRawBufferPointer, _ inputs: StepInputs, _ context: StepContext
    ) throws(TrainingError) -> Entry {
        guard ElementConversion.supported.contains(dtype) else {
            throw TrainingError(
                .wrongDType, "\"\(name)\" is \(dtype.rawValue); a gradient is F32, F64, F16 or BF16.",
                [("parameter", .string(name.description)), ("got", .string(dtype.rawValue))])
        }
        let known = context.parameters[name]
        let group = try context.manifest.admit(name, shape, known: known, as: "gradient")
        let settings = group?.settings ?? context.manifest.settings
        let needsWeights = context.hostsWeights || settings.options.weightDecayMethod == .l2 || inputs.returned == .weights
        guard !needsWeights || known?.weights != nil else {
            throw TrainingError(
                .weightsRequired, "This step needs the weights of \"\(name)\"; PUT them to the run's weights resource first.",
                [("parameter", .string(name.description))])
        }
        return Entry(
            name: name, shape: shape, dtype: dtype, bytes: bytes, known: known, group: group, settings: settings,
            learningRate: rate(for: group, settings, inputs))
    }

    private static func rate(for group: Manifest.Group?, _ settings: OptimizerSettings, _ inputs: StepInputs) -> Double {
        if let group, let rate = inputs.groupLearningRates[group.name] { return rate }
        if let rate = inputs.learningRate, group == nil || !settings.setsLearningRate { return rate }
        return settings.options.learningRate
    }

    private static func rate(_ text: String) throws(TrainingError) -> Double {
        guard case .number(let number)? = try? JSONValue(parsing: Array(text.utf8)), let rate = number.double else {
            throw TrainingError(
                .invalidStepOption, "The metadata's lr \"\(text)\" is not a number.", [("option", "lr"), ("got", .string(text))])
        }
        return rate
    }

    private static func check(_ inputs: StepInputs, _ context: StepContext) throws(TrainingError) {
        func check(_ name: String, _ value: Double?, _ isValid: (Double) -> Bool, _ expected: String) throws(TrainingError) {
            guard let value, !isValid(value) else { return }
            throw TrainingError(
                .invalidStepOption, "\(name) must be \(expected).",
                [("option", .string(name)), ("expected", .string(expected)), ("got", .string("\(value)"))])
        }
        let isRate = { (rate: Double) in rate >= 0 && Float(rate).isFinite }
        try check("lr", inputs.learningRate, isRate, "at least 0 and within F32")
        for (group, rate) in inputs.groupLearningRates {
            guard context.manifest.groups.contains(where: { $0.name == group }) else {
                throw TrainingError(
                    .invalidStepOption, "lr.\(group) names a group that the run does not have.", [("option", .string("lr.\(group)"))])
            }
            try check("lr.\(group)", rate, isRate, "at least 0 and within F32")
        }
        try check("grad_scale", inputs.gradScale, { $0 > 0 && $0.isFinite && (1 / $0).isFinite }, "a finite number above 0")
        try check("max_grad_norm", inputs.maxGradNorm, { $0 > 0 && $0.isFinite }, "a finite number above 0")
        if let dtype = inputs.dtype, !ElementConversion.supported.contains(dtype) {
            throw TrainingError(
                .invalidStepOption, "An answer is F32, F64, F16 or BF16, not \(dtype.rawValue).",
                [("option", "dtype"), ("got", .string(dtype.rawValue))])
        }
    }
}
