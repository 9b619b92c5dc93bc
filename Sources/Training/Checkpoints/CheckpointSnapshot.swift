import Memory
import Storage
import StrictJSON

/// A run at one moment, to be written while the run goes on.
///
/// Making one costs neither a copy of the state nor a call of the database; see ``CheckpointPart``.
final class CheckpointSnapshot: Sendable {
    let step: Int
    /// Where the run stood then between its checkpoints.
    let moment: CheckpointState
    /// One for each parameter, in the order of the run's table.
    let parts: [CheckpointPart]
    private let run: Int64
    private let epoch: Int
    private let label: String?
    private let level: Run.Level?
    private let manifest: Manifest
    private let record: StepRecord?
    private let takeovers: Int?
    private let history: RunHistory

    init(of run: isolated Run, label: String? = nil) {
        step = run.step
        moment = run.checkpointing
        parts = run.parameters.all.map(CheckpointPart.init)
        self.run = run.id
        epoch = run.epoch
        self.label = label
        level = run.level
        manifest = run.manifest
        record = run.record
        takeovers = run.seen?.takeovers
        history = run.history
    }

    /// Writes the checkpoint; it counts when this returns. Called once.
    ///
    /// - Parameter surroundings: where parts are copied to, so that nobody waits for them; nil when nobody could change them
    ///   meanwhile.
    func write(
        to store: Store, lineage: CheckpointWriter.Lineage = .continued, copyingIn surroundings: Run.Surroundings? = nil
    ) throws(StorageError) -> CheckpointRecord {
        // Also after an error nobody waits for a part, and no copy stays.
        defer { for part in parts { part.release() } }
        // Once the checkpoint counts, the log that could make it again goes.
        history.save()
        let header = CheckpointHeader(
            step: step, epoch: epoch, sequence: moment.logSequence, label: label,
            metadata: String(decoding: JSONValue.object(metadata).serialized(), as: UTF8.self))
        let writer = try store.beginCheckpoint(of: run, header, after: takeovers)
        do {
            for part in parts { try part.write(to: writer, copyingIn: surroundings) }
            if let answer = record?.content { try writer.append(answer: answer, of: "") }
            return try writer.finish(keeping: manifest.policy.keepCheckpoints, covering: moment.mark, lineage: lineage)
        } catch {
            try? writer.abandon()
            throw error
        }
    }

    private var metadata: JSONObject {
        var metadata = JSONObject()
        metadata["level"] = level.map { .string($0.rawValue) } ?? .null
        metadata["manifest"] = .object(manifest.json)
        metadata["parameters"] = .array(parts.map { .object($0.json) })
        if let record { metadata["record"] = .object(record.json) }
        return metadata
    }
}
