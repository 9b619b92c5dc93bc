import Foundation
import LinearAlgebra
import Storage

/// The writing of one checkpoint: beside the run on a thread of its own, or on the thread of a run that waits for it and
/// finds that nobody has begun.
final class CheckpointJob: @unchecked Sendable {
    typealias Outcome = Result<CheckpointRecord, TrainingError>

    let snapshot: CheckpointSnapshot
    /// Whether somebody asked for it, who will be told of its outcome.
    let isAskedFor: Bool
    private let surroundings: Run.Surroundings
    // Invariant: these are touched only under `condition`; whoever sets `isBegun` sets `outcome`, once.
    private let condition = NSCondition()
    private var isBegun = false
    private var outcome: Outcome?
    private var waiting: [CheckedContinuation<Outcome, Never>] = []

    init(_ snapshot: CheckpointSnapshot, isAskedFor: Bool, in surroundings: Run.Surroundings) {
        self.snapshot = snapshot
        self.isAskedFor = isAskedFor
        self.surroundings = surroundings
    }

    /// Has it written beside the run, by a thread that may come late.
    func start() {
        Task(executorPreference: surroundings.threads) { self.write(copyingIn: self.surroundings) }
    }

    /// Waits for the end, in the run's own time.
    func finish() -> Outcome {
        write(copyingIn: nil)
        return condition.withLock {
            while true {
                if let outcome { return outcome }
                condition.wait()
            }
        }
    }

    /// The end. The run goes on meanwhile.
    func end() async -> Outcome {
        await withCheckedContinuation { continuation in
            let found = condition.withLock {
                if outcome == nil { waiting.append(continuation) }
                return outcome
            }
            if let found { continuation.resume(returning: found) }
        }
    }

    /// Copies parts that are about to be changed, or waits where there is no room for a copy.
    func preserve(_ parts: [CheckpointPart]) {
        let isPreserved = SharedResults(count: parts.count, false)
        surroundings.pool.perform(costs: parts.map { TaskCost(Double($0.byteCount)) }) { [surroundings] index, _ in
            isPreserved[index] = parts[index].preserve(in: surroundings)
        }
        for index in parts.indices where !isPreserved[index] {
            // The thread that waits may be the one that is missing.
            write(copyingIn: nil)
            parts[index].awaitRelease()
        }
    }

    /// Writes the checkpoint, unless somebody has begun to.
    ///
    /// - Parameter surroundings: nil on the run's own thread, where nothing changes meanwhile.
    private func write(copyingIn surroundings: Run.Surroundings?) {
        let isMine = condition.withLock {
            defer { isBegun = true }
            return !isBegun
        }
        guard isMine else { return }
        let outcome: Outcome
        do throws(TrainingError) {
            outcome = .success(try record(copyingIn: surroundings))
        } catch {
            outcome = .failure(error)
        }
        let waiting = condition.withLock {
            self.outcome = outcome
            condition.broadcast()
            defer { self.waiting = [] }
            return self.waiting
        }
        for continuation in waiting { continuation.resume(returning: outcome) }
    }

    private func record(copyingIn surroundings: Run.Surroundings?) throws(TrainingError) -> CheckpointRecord {
        let store = self.surroundings.store
        return try self.surroundings.storage.writing { () throws(StorageError) in
            try snapshot.write(to: store, copyingIn: surroundings)
        }
    }
}
