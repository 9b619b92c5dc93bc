public import Memory
import SOAP
import Safetensors
import Storage
public import StrictJSON

extension Run {
    /// Puts a state in the place of the run's own, under the next epoch. Options stay, and hosted weights if the file has none.
    ///
    /// The state is in the log when this returns, whatever the run's durability, so that it is not lost.
    ///
    /// - Parameter body: safetensors; see ``StateFileLayout`` for whose. It names every parameter of the run; a run with an
    ///   open list registers new ones from it.
    /// - Returns: the run's description.
    /// - Throws: ``TrainingError``; the run is then as it was, bit for bit.
    @discardableResult
    public func importState(_ body: AlignedBuffer, epoch: Int?) throws(TrainingError) -> JSONObject {
        try admitWrite(epoch: epoch)
        let plan = try StateImport(StateFile(reading: body), manifest: manifest, present: parameters)
        // None of the old state may complete after it.
        settleCheckpoint()
        try reserve(plan.byteCount, for: plan.estimates)
        let made: [TrainedParameter]
        do {
            made = try plan.makeParameters()
            // Only under `log` does the log tell what the weights are that stay.
            if plan.keepsWeights, manifest.policy.durability != .log { try writeCheckpoint() }
            let entry = LogEntry(
                kind: .stateImport, step: plan.file.step, epoch: self.epoch + 1, attributes: "{}", bodyDigest: sha256(body.bytes))
            try append(entry, body: [body.bytes])
        } catch {
            release(plan.byteCount)
            throw error
        }
        (checkpointing.isMarked, checkpointing.isAhead) = (false, false)
        release(byteCount(replacedBy: plan))
        replaceState(by: made, plan, epoch: self.epoch + 1)
        history.discard(after: step, epoch: self.epoch)
        history.events.publish(.stateImport, epoch: self.epoch, step: step)
        scheduleCheckpointIfDue()
        return try description()
    }

    /// Does again what the log says of an import.
    func replayImport(_ body: AlignedBuffer, epoch: Int) throws {
        let plan = try StateImport(StateFile(reading: body), manifest: manifest, present: parameters)
        // The old state goes first: nobody can want it back here, and both beside each other may not fit at this start.
        release(byteCount(replacedBy: plan))
        parameters = ParameterTable()
        try reserve(plan.byteCount, for: plan.estimates)
        replaceState(by: try plan.makeParameters(), plan, epoch: max(self.epoch, epoch))
        history.discardAgain(after: step, before: epoch)
    }

    /// Bytes of state, and of weights unless they stay.
    private func byteCount(replacedBy plan: StateImport) -> Int {
        let weights = plan.keepsWeights ? 0 : parameters.all.reduce(0) { $0 + ($1.weights?.count ?? 0) }
        return parameters.stateByteCount + weights
    }

    private func replaceState(by made: [TrainedParameter], _ plan: StateImport, epoch: Int) {
        parameters = ParameterTable()
        for parameter in made { parameters.add(parameter) }
        record = nil
        round = nil
        level = plan.file.level
        step = plan.file.step
        self.epoch = epoch
        checkpointing.changes += 1
        checkpointing.durableStep = step
        checkpointing.hasImport = true
        publish()
    }
}
