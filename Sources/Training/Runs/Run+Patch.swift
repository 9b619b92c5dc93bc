import Storage
public import StrictJSON

extension Run {
    /// Changes tunable options and policies from the next step on.
    ///
    /// The patch is on disk when this returns, in every durability: it is a record of the log, which a recovery does again
    /// between the same two steps.
    ///
    /// - Parameter patch: a merge patch (RFC 7396) of the manifest's optimizer, groups and policy.
    /// - Throws: ``TrainingError``; the run is then as it was.
    public func patch(_ patch: JSONValue, epoch: Int?) throws(TrainingError) -> RunStatus {
        try admitWrite(epoch: epoch)
        let patched = try manifest.patched(with: patch)
        guard patched.json != manifest.json else { return status }
        // What a crash would lose under the weaker promise must not be missing under the stronger one.
        if patched.policy.durability > manifest.policy.durability { try ensureCheckpoint() }
        let entry = LogEntry(
            kind: .patch, step: step, epoch: self.epoch, attributes: String(decoding: patch.serialized(), as: UTF8.self),
            bodyDigest: sha256(UnsafeRawBufferPointer(start: nil, count: 0)))
        try append(entry, body: [])
        adopt(patched)
        history.events.publish(.patch, epoch: self.epoch, step: step)
        scheduleCheckpointIfDue()
        return status
    }

    /// Changes the run; replaying the log comes through here too.
    func adopt(_ patched: Manifest) {
        manifest = patched
        parameters.adopt(patched)
        checkpointing.changes += 1
        publish()
    }
}
