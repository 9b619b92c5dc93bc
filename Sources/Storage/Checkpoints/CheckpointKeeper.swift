/// Keeps the bytes of a checkpoint while somebody reads them: a checkpoint that is pruned or deleted meanwhile is no longer
/// listed, but its rows stay until the last keeper has gone and the next sweep comes.
public final class CheckpointKeeper: Sendable {
    private let id: Int64
    private let kept: KeptCheckpoints

    init(_ id: Int64, among kept: KeptCheckpoints) {
        self.id = id
        self.kept = kept
        kept.add(id)
    }

    deinit {
        kept.remove(id)
    }
}
