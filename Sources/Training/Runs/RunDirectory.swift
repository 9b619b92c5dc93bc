import Foundation
import Storage
import StrictJSON

/// The runs by name, for readers that must not wait for whoever makes or deletes one.
final class RunDirectory: @unchecked Sendable {
    enum Entry {
        case running(Run)
        case damaged(RunRecord, reason: String)
    }

    // Invariant: all of these are touched only under `lock`. The `Runs` actor alone adds runs; a run that is deleted removes itself.
    private let lock = NSLock()
    private var entries: [RunName: Entry] = [:]
    /// Runs of the database that are not back yet.
    private var awaited: Set<RunName> = []
    private var isComplete = false
    private var state = Runs.Readiness.recovering(nil)
    private var damagedCheckpoints = 0
    private var failedCheckpoints = 0
    private var recovery = RecoveryFigures()

    var readiness: Runs.Readiness {
        get { lock.withLock { state } }
        set { lock.withLock { state = newValue } }
    }

    /// As soon as it is known which runs there are, those that are back are served.
    func entry(_ name: RunName) throws(TrainingError) -> Entry? {
        let (state, entry, isAwaited) = lock.withLock { () -> (Runs.Readiness, Entry?, Bool) in
            (self.state, entries[name], awaited.contains(name) || !isComplete)
        }
        switch state {
        case .stopping: throw TrainingError.shuttingDown
        case .recovering where isAwaited, .ready where isAwaited: throw TrainingError.recovering(state)
        case .recovering, .ready: return entry
        }
    }

    /// Every run, in the order of their names; refused until all are back, because a list with gaps misleads.
    func all() throws(TrainingError) -> [Run] {
        let state = readiness
        switch state {
        case .ready: return running
        case .recovering: throw TrainingError.recovering(state)
        case .stopping: throw TrainingError.shuttingDown
        }
    }

    /// The runs that are served now, in the order of their names.
    var running: [Run] {
        let present = lock.withLock { () -> [RunName: Entry] in entries }
        return present.sorted { $0.key.description < $1.key.description }.compactMap {
            if case .running(let run) = $0.value { run } else { nil }
        }
    }

    /// Notes how far the recovery has come, unless the server stops meanwhile.
    func noteProgress(_ change: (inout RecoveryProgress) -> Void) {
        lock.withLock {
            guard case .recovering(let known) = state else { return }
            var progress = known ?? RecoveryProgress()
            change(&progress)
            state = .recovering(progress)
            recovery.progress = progress
        }
    }

    func noteRecovery(_ change: (inout RecoveryFigures) -> Void) {
        lock.withLock { change(&recovery) }
    }

    /// What has been counted here, and what the runs are now.
    func fill(_ metrics: inout TrainingMetrics) {
        let served = running
        metrics.servedRuns = served.count
        metrics.runsInDoubt = served.count { $0.status.isInDoubt }
        lock.withLock {
            metrics.damagedRuns = entries.values.count { if case .damaged = $0 { true } else { false } }
            metrics.awaitedRuns = awaited.count
            (metrics.damagedCheckpoints, metrics.failedCheckpoints) = (damagedCheckpoints, failedCheckpoints)
            metrics.recovery = recovery
            if case .ready = state { metrics.isReady = true }
        }
    }

    func noteFailedCheckpoint() {
        lock.withLock { failedCheckpoints += 1 }
    }

    func noteDamagedCheckpoint() {
        lock.withLock { damagedCheckpoints += 1 }
    }

    /// From now on every run is there, awaited or not in the database.
    func noteAwaited(_ names: [RunName]) {
        lock.withLock {
            awaited.formUnion(names)
            isComplete = true
        }
    }

    func add(_ run: Run) {
        lock.withLock {
            entries[run.name] = .running(run)
            awaited.remove(run.name)
        }
    }

    func addDamaged(_ name: RunName, _ row: RunRecord, _ reason: String) {
        lock.withLock {
            entries[name] = .damaged(row, reason: reason)
            awaited.remove(name)
        }
    }

    func remove(_ name: RunName) {
        _ = lock.withLock { entries.removeValue(forKey: name) }
    }
}

extension TrainingError {
    static func recovering(_ state: Runs.Readiness) -> TrainingError {
        guard case .recovering(let progress?) = state else {
            return TrainingError(.recovering, "The server is recovering its runs; try again shortly.")
        }
        return TrainingError(
            .recovering, "The server is recovering its runs: \(progress); try again shortly.",
            progress.figures.map { ($0.name, JSONValue($0.value)) })
    }
}
