import Foundation
public import Memory
import SOAP
public import Safetensors
import Storage
import StrictJSON

extension Run {
    /// Refuses a write of another epoch before its body is read. Never waits.
    public nonisolated func precheck(epoch: Int?) throws(TrainingError) {
        try status.fence(epoch)
    }

    /// Refuses a step of one parameter that can only be refused, before its body is read. Waits for a step in flight.
    public func precheck(step number: Int, of name: TensorName, epoch: Int?) throws(TrainingError) {
        try admitWrite(epoch: epoch)
        let last = try parameter(name).lastNumber
        try Run.keepLevel(.parameter, of: level)
        if number != last { try Run.check(number, after: last, epoch: self.epoch) }
    }

    /// Refuses a step that can only be refused, before its body is read. Never waits.
    public nonisolated func precheck(step number: Int, epoch: Int?) throws(TrainingError) {
        let status = status
        try status.fence(epoch)
        try Run.keepLevel(.run, of: status.level)
        if number != status.step { try Run.check(number, after: status.step, epoch: status.epoch) }
    }

    /// One step of the run: `number`, or the next one when it is nil.
    ///
    /// - Parameters:
    ///   - body: safetensors, one gradient a parameter.
    ///   - received: how long receiving it took.
    /// - Throws: ``TrainingError``; the run is then as it was, bit for bit.
    public func takeStep(
        _ number: Int?, body: AlignedBuffer, inputs: StepInputs, epoch: Int?, digested: Bool = false, received: Duration? = nil
    ) throws(TrainingError) -> StepAnswer {
        try tellingOfRefusals(number ?? step + 1) { () throws(TrainingError) in
            try takeRunStep(number, body: body, inputs: inputs, epoch: epoch, digested, received)
        }
    }

    private func takeRunStep(
        _ number: Int?, body: AlignedBuffer, inputs: StepInputs, epoch: Int?, _ digested: Bool, _ received: Duration?
    ) throws(TrainingError) -> StepAnswer {
        try admitWrite(epoch: epoch)
        try Run.keepLevel(.run, of: level)
        let began = ContinuousClock.now
        let number = number ?? step + 1
        if number == step, record != nil {
            let identity = StepIdentity(body: body, inputs: inputs)
            return try replay(&record, identity, durableStep: status.durableStep, digested)
        }
        try Run.check(number, after: step, epoch: self.epoch)
        let plan = try StepPlan(safetensors: body, inputs: inputs, in: context)
        return try carryOut(plan, number, digested, received, began: began)
    }

    /// One step of one parameter: its `number`.
    ///
    /// - Parameters:
    ///   - body: the bare tensor, little-endian, row-major, in `inputs.dtype` or F32.
    ///   - received: how long receiving it took.
    public func takeStep(
        _ number: Int, of name: TensorName, body: AlignedBuffer, inputs: StepInputs, epoch: Int?, digested: Bool = false,
        received: Duration? = nil
    ) throws(TrainingError) -> StepAnswer {
        try tellingOfRefusals(number) { () throws(TrainingError) in
            try takeParameterStep(number, of: name, body: body, inputs: inputs, epoch: epoch, digested, received)
        }
    }

    private func takeParameterStep(
        _ number: Int, of name: TensorName, body: AlignedBuffer, inputs: StepInputs, epoch: Int?, _ digested: Bool, _ received: Duration?
    ) throws(TrainingError) -> StepAnswer {
        try admitWrite(epoch: epoch)
        let parameter = try parameter(name)
        try Run.keepLevel(.parameter, of: level)
        let began = ContinuousClock.now
        let last = parameter.lastNumber
        if number == last, parameter.record != nil {
            let identity = StepIdentity(body: body, inputs: inputs)
            return try replay(&parameter.record, identity, durableStep: parameter.durableNumber, digested)
        }
        try Run.check(number, after: last, epoch: self.epoch)
        let plan = try StepPlan(raw: body, for: parameter, inputs: inputs, in: context)
        return try carryOut(plan, number, digested, received, began: began)
    }

    var context: StepContext {
        StepContext(manifest: manifest, parameters: parameters.byName, hostsWeights: parameters.hostsWeights, header: headers.body)
    }

    /// Refuses all but the next step; the last one again is answered before this is asked.
    private static func check(_ number: Int, after last: Int, epoch: Int) throws(TrainingError) {
        if number == last + 1 { return }
        let fields: [(name: String, value: JSONValue)] = [
            ("expected_step", JSONValue(last + 1)), ("epoch", JSONValue(epoch)), ("got", JSONValue(number)),
        ]
        if number <= last {
            throw TrainingError(.alreadyApplied, "Step \(number) was applied before; the last step is \(last).", fields)
        }
        throw TrainingError(.outOfOrder, "Step \(number) cannot follow step \(last); the next step is \(last + 1).", fields)
    }

    private static func keepLevel(_ wanted: Level, of level: Level?) throws(TrainingError) {
        guard let level, level != wanted else { return }
        let other = level == .run ? "whole steps" : "steps of single parameters"
        throw TrainingError(
            .levelMixed, "This run takes \(other), as its first step did; the two kinds cannot be mixed.",
            [("level", .string(level.rawValue))])
    }

    private func replay(
        _ record: inout StepRecord?, _ identity: StepIdentity, durableStep: Int, _ digested: Bool
    ) throws(TrainingError) -> StepAnswer {
        guard var kept = record, kept.identity == identity else {
            let what = record?.identity.bodyDigest == identity.bodyDigest ? "other options" : "another body"
            throw TrainingError(
                .bodyDiffers, "This step was applied with \(what); only the same bytes and options are answered again.",
                [("expected_step", JSONValue((record?.step ?? step) + 1)), ("epoch", JSONValue(epoch))])
        }
        defer { record = kept }
        surroundings.meter.addReplay()
        var answer = answer(&kept, durableStep: durableStep, digested)
        answer.isReplay = true
        return answer
    }

    private func answer(_ record: inout StepRecord, durableStep: Int, _ digested: Bool) -> StepAnswer {
        StepAnswer(
            step: record.step, durableStep: durableStep, epoch: epoch, content: record.content, weightScale: record.weightScale,
            digest: digested ? record.contentDigest : nil)
    }

    /// Refuses or skips a step that is not finite, as the policy asks.
    private func judged(_ plan: StepPlan) throws(TrainingError) -> StepPlan {
        var plan = plan
        if let problem = plan.judge(on: surroundings.pool) {
            guard manifest.policy.onNonFinite == .skip else { throw problem }
            plan.isSkipped = true
        }
        return plan
    }

    /// Judges a plan, makes it durable as the policy asks, carries it out, and keeps the answer.
    private func carryOut(
        _ plan: StepPlan, _ number: Int, _ digested: Bool, _ received: Duration?, began: ContinuousClock.Instant
    ) throws(TrainingError) -> StepAnswer {
        let plan = try judged(plan)
        let isLogged = manifest.policy.durability == .log
        let digest = BodyDigest(of: plan.body, on: surroundings.hashers)
        // Before the store's connection would wait for it.
        if isLogged { previousAnswerDigest(of: plan.form == .parameter ? plan.entries[0].known : nil) }
        var timing = StepTiming(receive: received)
        timing.planning = ContinuousClock.now - began
        let reserved = try reserve(plan)
        var commit: LogCommit?
        do {
            let commitBegan = ContinuousClock.now
            if isLogged {
                commit = try beginAppending(logEntry(plan, digest.value, number), body: [plan.body.bytes])
            } else {
                try markAhead()
            }
            timing.commit = ContinuousClock.now - commitBegan
        } catch {
            release(reserved)
            throw error
        }
        // The record is in its place, so nothing but a failing device can undo the step: it is made durable meanwhile.
        var (record, outcome) = apply(
            plan, StepIdentity(bodyDigest: digest.value, inputs: plan.inputs), step: number, isDurable: isLogged)
        if let commit {
            checkpointing.logSequence = commit.sequence
            let waitBegan = ContinuousClock.now
            do {
                try finish(commit)
            } catch {
                // It may have happened. If so, it is told of when that is known.
                note(outcome.totals, plan.form, number)
                throw error
            }
            let waiting = ContinuousClock.now - waitBegan
            timing.waiting = waiting
            timing.commit += waiting
        }
        publish()
        var counts = outcome.counts
        counts.taken = 1
        counts.skipped = plan.isSkipped ? 1 : 0
        timing.compute = ContinuousClock.now - began - timing.commit
        surroundings.meter.add(counts, timing)
        note(outcome.totals, plan.form, number, timing)
        history.announce()
        saveHistoryIfDue()
        let durableStep = plan.form == .run ? status.durableStep : plan.entries[0].known?.durableNumber ?? 0
        var answer = answer(&record, durableStep: durableStep, digested)
        answer.timing = timing
        if isLogged { digestAnswerSoon(of: plan.form == .parameter ? plan.entries[0].known : nil) }
        scheduleCheckpointIfDue()
        return answer
    }

    /// The one place where a step changes a run; replaying the log comes through here too. ``publish()`` is left to the caller.
    ///
    /// - Parameters:
    ///   - identity: asked for when all is computed, so that the body's digest may still be in the making before.
    ///   - isDurable: whether a restart would do this step again.
    @discardableResult
    func apply(
        _ plan: StepPlan, _ identity: @autoclosure () -> StepIdentity, step number: Int, isDurable: Bool
    ) -> (StepRecord, StepPlan.Outcome) {
        let targets = plan.entries.map { entry in
            entry.known ?? (plan.isSkipped ? nil : register(entry.name, shape: entry.shape, group: entry.group))
        }
        if !plan.isSkipped { preserve(targets) }
        if manifest.settings.options.staggerRefresh { parameters.settlePhases() }
        copies.expire()
        // The answer before this one is given up first: at most one is kept, whatever its size.
        switch plan.form {
        case .run: record = nil
        case .parameter: targets[0]?.record = nil
        }
        let outcome = plan.carryOut(
            on: targets, pool: surroundings.pool, buffers: surroundings.buffers, layout: headers.answer)
        let made = StepRecord(step: number, identity: identity(), content: outcome.content, weightScale: outcome.weightScale)
        switch plan.form {
        case .run:
            headers = StepHeaders(of: plan, answer: outcome.layout)
            level = .run
            record = made
            step = number
        case .parameter:
            level = .parameter
            if let parameter = targets[0] {
                parameter.record = made
                parameters.advance(parameter, to: number)
                if isDurable { parameter.durableNumber = number }
            }
            step = parameters.smallestNumber
        }
        if isDurable { checkpointing.durableStep = step }
        checkpointing.changes += 1
        return (made, outcome)
    }

    /// Reserves memory for the parameters that a step names first; answers how much.
    func reserve(_ plan: StepPlan) throws(TrainingError) -> Int {
        let new = plan.isSkipped ? [] : plan.entries.filter { $0.known == nil }
        guard !new.isEmpty else { return 0 }
        let estimates = new.map { StateEstimate(name: $0.name, shape: $0.shape, options: $0.settings.options) }
        let needed = estimates.byteCount
        try reserve(needed, for: estimates)
        return needed
    }

    /// The next record holds the digest of this answer, which is computed while the trainer works on its next gradients.
    private func digestAnswerSoon(of parameter: TrainedParameter?) {
        Task { previousAnswerDigest(of: parameter) }
    }

    /// What the next record of a parameter, or of the run for nil, says of the answer before it.
    @discardableResult
    private func previousAnswerDigest(of parameter: TrainedParameter?) -> [UInt8]? {
        if let parameter { parameter.record?.answerDigest } else { record?.answerDigest }
    }

    /// What the log must hold beside the body so that a replay computes the same, and can tell whether it did.
    private func logEntry(_ plan: StepPlan, _ bodyDigest: [UInt8], _ number: Int) -> LogEntry {
        var attributes: JSONObject = ["inputs": .object(plan.inputs.json), "answer_digest": .string(StepRecord.digestKind.rawValue)]
        if plan.isSkipped { attributes["skipped"] = true }
        let parameter = plan.form == .parameter ? plan.entries[0].known : nil
        return LogEntry(
            kind: parameter == nil ? .step : .parameterStep, parameter: parameter?.name.description, step: number, epoch: epoch,
            attributes: String(decoding: JSONValue.object(attributes).serialized(), as: UTF8.self), bodyDigest: bodyDigest,
            previousAnswerDigest: previousAnswerDigest(of: parameter))
    }
}
