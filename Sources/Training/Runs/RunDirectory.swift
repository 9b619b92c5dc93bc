import Foundation

/// The runs by name, for readers that must not wait for whoever makes or deletes one.
final class RunDirectory: @unchecked Sendable {
    enum Entry {
        case running(Run)
        case damaged(id: Int64, reason: String)
    }

    // Invariant: both are touched only under `lock`; the `Runs` actor is the only writer.
    private let lock = NSLock()
    private var entries: [RunName: Entry] = [:]
    private var state = Runs.Readiness.recovering(done: 0, of: 0)

    var readiness: Runs.Readiness {
        get { lock.withLock { state } }
        set { lock.withLock { state = newValue } }
    }

    func entry(_ name: RunName) throws(TrainingError) -> Entry? {
        try ensureReady()
        return lock.withLock { entries[name] }
    }

    /// In the order of their names.
    func all() throws(TrainingError) -> [Run] {
        try ensureReady()
        let present = lock.withLock { () -> [RunName: Entry] in entries }
        return present.sorted { $0.key.description < $1.key.description }.compactMap {
            if case .running(let run) = $0.value { run } else { nil }
        }
    }

    func add(_ run: Run) {
        lock.withLock { entries[run.name] = .running(run) }
    }

    func addDamaged(_ name: RunName, _ id: Int64, _ reason: String) {
        lock.withLock { entries[name] = .damaged(id: id, reason: reason) }
    }

    func remove(_ name: RunName) {
        _ = lock.withLock { entries.removeValue(forKey: name) }
    }

    private func ensureReady() throws(TrainingError) {
        switch readiness {
        case .ready: return
        case .recovering(let done, let total):
            throw TrainingError(.recovering, "The server is recovering its runs (\(done) of \(total)); try again shortly.")
        case .stopping:
            throw TrainingError(.shuttingDown, "The server is stopping; send the same request again when it is back.")
        }
    }
}
