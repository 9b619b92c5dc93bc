import LinearAlgebra
import Memory
import SOAP
import Safetensors
import StrictJSON

extension StepPlan {
    /// What carrying out a plan leaves to be answered.
    struct Outcome {
        let content: AlignedBuffer?
        /// Of a content that has one.
        let layout: SafetensorsLayout?
        let weightScale: Double?
        let counts: StepCounts
        let totals: StepTotals
    }

    /// Steps every parameter and computes the answer where it will be sent from.
    ///
    /// - Parameters:
    ///   - parameters: the parameter of each entry, in order; ignored for a skipped step.
    ///   - layout: of the answer before, if there is one.
    func carryOut(
        on parameters: [TrainedParameter?], pool: ComputePool, buffers: BufferPool, layout: SafetensorsLayout?
    ) -> Outcome {
        let scales = zip(entries, parameters).map { entry, parameter in
            isSkipped || parameter?.weights != nil ? 1 : entry.settings.options.weightScale(learningRate: entry.learningRate)
        }
        let answer = layOut(scales, buffers, known: layout)
        var counts = StepCounts()
        var totals = StepTotals()
        if isSkipped {
            answerSkipped(parameters, answer)
            totals.skippedCount = 1
        } else {
            let reports = SharedResults(count: entries.count, StepReport())
            let tasks = Unchecked(zip(entries, parameters).map { ($0, $1) })
            let costs = zip(entries, parameters).map { $1?.state.nextStepCost(options: $0.settings.options) ?? TaskCost(0) }
            pool.perform(costs: costs) { [self = Unchecked(self)] index, workspace in
                guard case (let entry, let parameter?) = tasks.value[index] else { return }
                reports[index] = self.value.step(parameter, entry, into: answer.region(index), buffers, workspace)
            }
            for (index, entry) in entries.enumerated() {
                counts += StepCounts(reports[index])
                totals.add(reports[index], elementCount: entry.elementCount, learningRate: entry.learningRate)
            }
            totals.squaredGradient = squaredNorm
            totals.clippedCount = isClipped ? 1 : 0
        }
        return Outcome(
            content: answer.buffer, layout: answer.layout, weightScale: form == .parameter ? scales.first : nil, counts: counts,
            totals: totals)
    }

    /// The memory of an answer, and where each tensor goes in it.
    private struct Answer: @unchecked Sendable {
        // Invariant: tasks write to regions that do not overlap.
        let buffer: AlignedBuffer?
        var layout: SafetensorsLayout?
        let regions: [Range<Int>]

        /// nil when the client wants no bytes.
        func region(_ index: Int) -> UnsafeMutableRawBufferPointer? {
            buffer.map { UnsafeMutableRawBufferPointer(rebasing: $0.mutableBytes[regions[index]]) }
        }
    }

    private func layOut(_ scales: [Double], _ buffers: BufferPool, known: SafetensorsLayout?) -> Answer {
        guard returned != .none else { return Answer(buffer: nil, regions: []) }
        switch form {
        case .parameter:
            let count = entries[0].elementCount * answerDType(entries[0]).byteCount
            return Answer(buffer: buffers.take(count: count), regions: [0..<count])
        case .run:
            var factors = JSONObject()
            for (entry, scale) in zip(entries, scales) where scale != 1 { factors[entry.name.description] = JSONValue(scale) }
            let layout = SafetensorsLayout.trusted(
                entries.map { TensorSpec(name: $0.name, dtype: answerDType($0), shape: $0.shape) },
                metadata: [("weight_scale", String(decoding: JSONValue.object(factors).serialized(), as: UTF8.self))], known: known)
            let buffer = buffers.take(count: layout.byteCount)
            buffer.mutableBytes.copyBytes(from: layout.header)
            return Answer(buffer: buffer, layout: layout, regions: entries.indices.map(layout.range(of:)))
        }
    }

    private func step(
        _ parameter: TrainedParameter, _ entry: Entry, into region: UnsafeMutableRawBufferPointer?, _ buffers: BufferPool,
        _ workspace: Workspace
    ) -> StepReport {
        let options = entry.settings.options
        let count = entry.elementCount
        var scratch: [AlignedBuffer] = []
        defer { withExtendedLifetime(scratch) {} }
        func floats(_ candidate: UnsafeMutableRawBufferPointer?, _ dtype: DType) -> UnsafeMutableBufferPointer<Float> {
            if dtype == .f32, let candidate, UInt(bitPattern: candidate.baseAddress) % 4 == 0 {
                return candidate.bindMemory(to: Float.self)
            }
            let buffer = buffers.take(count: count * MemoryLayout<Float>.size)
            scratch.append(buffer)
            return buffer.mutableBytes.bindMemory(to: Float.self)
        }

        let isPlain = gradientFactor == 1
        let gradient = floats(isPlain ? UnsafeMutableRawBufferPointer(mutating: entry.bytes) : nil, entry.dtype)
        if gradient.baseAddress.map({ UnsafeRawPointer($0) }) != entry.bytes.baseAddress {
            ElementConversion.widen(entry.bytes, entry.dtype, scale: gradientFactor, into: gradient)
        }
        let weights = parameter.weights?.mutableBytes.bindMemory(to: Float.self)
        let sendsUpdate = returned == .updates
        let update = floats(sendsUpdate ? region : nil, answerDType(entry))
        let report = parameter.state.step(
            gradient: UnsafeBufferPointer(gradient), weights: weights.map { UnsafeBufferPointer($0) }, options: options,
            learningRate: entry.learningRate, update: update, workspace: workspace)
        if let weights {
            StepPlan.apply(update, to: weights, scale: options.weightScale(learningRate: entry.learningRate))
        }
        if let region {
            let source = sendsUpdate ? update : weights ?? update
            if UnsafeRawPointer(source.baseAddress) != UnsafeRawPointer(region.baseAddress) {
                ElementConversion.narrow(UnsafeBufferPointer(source), answerDType(entry), into: region)
            }
        }
        parameter.lastStep = TrainedParameter.StepFigures(
            gradientRMS: report.gradientRMS, updateRMS: report.updateRMS, learningRate: entry.learningRate,
            keptOldBasis: report.failedDecompositions > 0 || (!report.refreshed && parameter.lastStep?.keptOldBasis ?? false),
            doubleFallbacks: report.doubleFallbacks)
        return report
    }

    /// Puts the decay into the update and the update into the hosted weights, which become exactly w + update in F32.
    private static func apply(_ update: UnsafeMutableBufferPointer<Float>, to weights: UnsafeMutableBufferPointer<Float>, scale: Double) {
        let decay = scale - 1
        for index in update.indices {
            let change = decay == 0 ? update[index] : Float(Double(weights[index]) * decay + Double(update[index]))
            update[index] = change
            weights[index] += change
        }
    }

    private func answerSkipped(_ parameters: [TrainedParameter?], _ answer: Answer) {
        for (index, entry) in entries.enumerated() {
            guard let region = answer.region(index) else { continue }
            if returned == .weights, let weights = parameters[index]?.weights {
                ElementConversion.narrow(
                    UnsafeBufferPointer(weights.mutableBytes.bindMemory(to: Float.self)), answerDType(entry), into: region)
            } else {
                region.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
    }
}
