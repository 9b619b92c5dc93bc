import Foundation
import LinearAlgebra
public import Logging
public import Memory
import Safetensors
public import Storage
public import StrictJSON

/// All runs of a server: made, found, listed, deleted, recovered at the start and finished at the end.
///
/// Looking a run up never waits. Runs are made on this actor, one after another.
public actor Runs {
    /// How far the start has come.
    public enum Readiness: Sendable {
        /// Nil until the database has said what there is to do.
        case recovering(RecoveryProgress?)
        case ready
        case stopping
    }

    private let surroundings: Run.Surroundings
    private let executor: BlockingSerialExecutor
    private let directory = RunDirectory()

    /// - Parameters:
    ///   - threadCount: compute threads.
    ///   - memoryBudget: bytes for the state of all runs.
    public init(store: Store, threadCount: Int, memoryBudget: Int, buffers: BufferPool, logger: Logger) {
        let threads = WorkerThreads()
        BLAS.configure()
        surroundings = Run.Surroundings(
            store: store, storage: StorageHealth(store: store), pool: ComputePool(threadCount: threadCount), buffers: buffers,
            ledger: MemoryLedger(budget: memoryBudget),
            threads: threads, directory: directory, logger: logger)
        executor = BlockingSerialExecutor(threads: threads)
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Whether requests can be served.
    public nonisolated var readiness: Readiness { directory.readiness }

    /// Who has been promised how much memory.
    public nonisolated var ledger: MemoryLedger { surroundings.ledger }

    /// What has happened since the process started, and what holds now. Never waits for a run.
    public nonisolated var metrics: TrainingMetrics {
        var metrics = TrainingMetrics(storage: surroundings.store.metrics)
        surroundings.meter.fill(&metrics)
        directory.fill(&metrics)
        if surroundings.storage.lastWriteFailed { metrics.isReady = false }
        return metrics
    }

    /// The run of that name. Never waits.
    public nonisolated func run(_ name: RunName) throws(TrainingError) -> Run {
        guard let entry = try directory.entry(name) else { throw TrainingError.unknownRun(name) }
        return try Runs.running(entry, name)
    }

    private static func running(_ entry: RunDirectory.Entry, _ name: RunName) throws(TrainingError) -> Run {
        switch entry {
        case .running(let run): return run
        case .damaged(_, let reason):
            throw TrainingError(
                .runDamaged, "The run \"\(name)\" could not be recovered: \(reason). Nothing of it was changed.",
                [("run", .string(name.description))])
        }
    }

    /// Does work that may block or take long, on a thread where it holds up nobody.
    public nonisolated func offLoop<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await surroundings.threads.perform(work)
    }

    /// Every run, by name. Never waits.
    public nonisolated func list() throws(TrainingError) -> [RunStatus] {
        try directory.all().map(\.status)
    }

    /// Makes a run, or finds the one that was made from the same manifest.
    ///
    /// - Parameter epoch: that of the run as the client knows it; a new run begins in epoch 0.
    /// - Returns: the run, and whether it is new.
    public nonisolated func make(
        _ name: RunName, manifest json: JSONValue, epoch: Int? = nil
    ) async throws(TrainingError) -> (run: Run, isNew: Bool) {
        // A large one takes seconds, in which other runs are made and deleted.
        let manifest = await Task(executorPreference: surroundings.manifestReaders) {
            Result { () throws(TrainingError) in try Manifest(json) }
        }.value
        return try await make(name, manifest.get(), epoch: epoch)
    }

    private func make(_ name: RunName, _ manifest: Manifest, epoch: Int?) async throws(TrainingError) -> (run: Run, isNew: Bool) {
        while let entry = try directory.entry(name) {
            let existing = try Runs.running(entry, name)
            // Waits behind a deletion that is under way, after which the name is free.
            guard try await existing.isThere() else { continue }
            try existing.status.fence(epoch)
            guard existing.original == manifest else {
                throw TrainingError(
                    .runExists, "The run \"\(name)\" exists with another manifest; delete it, or choose another name.",
                    [("run", .string(name.description))])
            }
            return (existing, false)
        }
        try RunStatus.fence(epoch, current: 0, step: 0)
        if let row = try storedRun(name) {
            // It was made when the disk failed, and whoever wanted it was told that this is not known.
            directory.noteAwaited([name])
            await recover(row, name)
            return try await make(name, manifest, epoch: epoch)
        }
        // Runs that are not back yet have not reserved their memory; a new one must not take it from them.
        if case .recovering = directory.readiness { throw TrainingError.recovering(directory.readiness) }
        let estimates = manifest.estimates
        let needed = estimates.byteCount
        guard surroundings.ledger.reserve(needed) else {
            throw TrainingError.outOfMemory(estimates, needed: needed, surroundings.ledger)
        }
        do {
            let row = try surroundings.storage.writing { () throws(StorageError) in
                try surroundings.store.createRun(
                    name: name.description, manifest: String(decoding: JSONValue.object(manifest.json).serialized(), as: UTF8.self))
            }
            let run = Run(
                row, name: name, manifest: manifest, parameters: manifest.newParameters(), reservedByteCount: needed, in: surroundings)
            directory.add(run)
            return (run, true)
        } catch {
            surroundings.ledger.release(needed)
            throw error
        }
    }

    private func storedRun(_ name: RunName) throws(TrainingError) -> RunRecord? {
        do {
            try surroundings.store.ensureSound()
            return try surroundings.store.run(named: name.description)
        } catch {
            throw TrainingError(error)
        }
    }

    /// Deletes a run with its log and its checkpoints; a step in flight finishes first.
    public func delete(_ name: RunName, epoch: Int?) async throws(TrainingError) {
        switch try directory.entry(name) {
        case .running(let run):
            try await run.delete(epoch: epoch)
        case .damaged(let row, _):
            try RunStatus.fence(epoch, current: row.epoch)
            try surroundings.storage.writing { () throws(StorageError) in
                do throws(StorageError) {
                    try surroundings.store.deleteRun(row.id)
                } catch {
                    // A deletion that was in doubt has happened.
                    guard error.kind == .notFound else { throw error }
                }
            }
            directory.remove(name)
        case nil:
            throw TrainingError.unknownRun(name)
        }
    }

    /// Whether the database takes writes.
    ///
    /// - Throws: ``TrainingError``, `storage-unavailable`. Does not wait for a run that is being made.
    public nonisolated func checkStorage() async throws {
        try await offLoop { [storage = surroundings.storage] in try storage.check() }
    }

    // MARK: Start and stop

    /// How many runs are recovered at once: one may compute while another reads.
    private static let recoveriesAtOnce = 2

    /// Brings back every run of the database. Each is served as soon as it is back; until then requests for it are refused
    /// with `recovering`. A run that cannot be brought back is alone in that.
    ///
    /// - Parameter wanted: brings back this run only; the others are then as good as absent, but their names stay taken.
    public func recover(only wanted: RunName? = nil) async throws(TrainingError) {
        let began = ContinuousClock.now
        directory.noteRecovery { $0.began = began }
        defer { directory.noteRecovery { $0.duration = .now - began } }
        let reporter = Task { try await reportProgress() }
        defer { reporter.cancel() }
        await prepareStore()
        var rows = try await storedRuns(patiently: wanted == nil)
        if let wanted { rows.removeAll { $0.name != wanted.description } }
        let named = rows.compactMap { row -> (RunName, RunRecord)? in
            if let name = try? RunName(row.name) { return (name, row) }
            surroundings.logger.error("a run has an impossible name", metadata: ["id": "\(row.id)"])
            return nil
        }
        directory.noteAwaited(named.map(\.0))
        directory.noteProgress { ($0.runsTotal, $0.obstacle) = (named.count, nil) }
        for (name, row) in named { noteRecords(of: name, row) }
        // Last and alone come those that did not come back the last time, so that none is suspected for another's sake.
        let suspects = named.filter { $0.1.unfinishedRecoveries > 0 }
        var waiting = await recover(named.filter { $0.1.unfinishedRecoveries == 0 }, atOnce: Runs.recoveriesAtOnce)
        waiting += await recover(suspects, atOnce: 1)
        var attempts = 0
        while !waiting.isEmpty {
            attempts += 1
            guard case .recovering = directory.readiness else { return }
            // Whoever wants one run from the command line is told at once.
            let isLast = wanted != nil || attempts >= Runs.recoveryAttempts && (try? surroundings.storage.check()) != nil
            if !isLast { try? await Task.sleep(for: .seconds(1)) }
            waiting = await recover(waiting, atOnce: 1, isLast: isLast)
        }
        if case .recovering = directory.readiness { directory.readiness = .ready }
    }

    /// Not on this actor, which would keep whoever wants to make a run waiting for his refusal.
    private nonisolated func prepareStore() async {
        guard case .recovering = directory.readiness else { return }
        directory.noteProgress { $0.obstacle = "what earlier servers have left in the write-ahead log is moved first" }
        try? await offLoop { [store = surroundings.store] in store.moveWhatWasLeft() }
        directory.noteProgress { $0.obstacle = nil }
    }

    /// - Parameter patiently: whether what may pass is waited for.
    private func storedRuns(patiently: Bool) async throws(TrainingError) -> [RunRecord] {
        while true {
            do throws(StorageError) {
                try surroundings.store.ensureSound()
                return try surroundings.store.runs()
            } catch {
                guard patiently, RecoveryFailure.isPassing(error) else { throw TrainingError(error) }
                guard case .recovering = directory.readiness else { return [] }
                let reason = RecoveryFailure(error).reason
                surroundings.logger.warning("recovery waits", metadata: ["reason": "\(reason)"])
                directory.noteProgress { $0.obstacle = reason }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Begins to count a run's records. Where they cannot be counted the run will say why.
    private func noteRecords(of name: RunName, _ row: RunRecord) {
        let total = (try? surroundings.store.logEntryCount(of: row.id)) ?? 0
        directory.noteProgress { $0.records[name] = (0, total) }
    }

    /// How often a run is tried at least while what stands in its way may go away; after that, only as long as the database
    /// cannot be written.
    private static let recoveryAttempts = 10

    private nonisolated func reportProgress() async throws {
        while true {
            try await Task.sleep(for: .seconds(1))
            guard case .recovering(let progress?) = readiness else { return }
            let figures = progress.figures.map { ($0.name, Logger.MetadataValue.stringConvertible($0.value)) }
            surroundings.logger.info("recovering", metadata: Dictionary(uniqueKeysWithValues: figures))
        }
    }

    /// - Parameter isLast: whether a run that does not come back is given up, whatever came in its way.
    /// - Returns: the runs that have to wait.
    private func recover(
        _ rows: [(RunName, RunRecord)], atOnce: Int, isLast: Bool = false
    ) async -> [(RunName, RunRecord)] {
        await withTaskGroup(of: (RunName, RunRecord)?.self) { group in
            var waiting: [(RunName, RunRecord)] = []
            for (index, (name, row)) in rows.enumerated() {
                if index >= atOnce, case let outcome?? = await group.next() { waiting.append(outcome) }
                guard case .recovering = directory.readiness else { break }
                group.addTask {
                    if await self.recover(row, name, isAlone: min(atOnce, rows.count) == 1, isLast: isLast) {
                        self.directory.noteProgress { $0.runsDone += 1 }
                        return nil
                    }
                    return (name, row)
                }
            }
            for await case let outcome? in group { waiting.append(outcome) }
            return waiting
        }
    }

    /// A run whose recovery ended the process so often in a row is left out of a start, so that the others are served.
    private static let unfinishedRecoveriesInARow = 3

    /// - Returns: whether it is known what becomes of it; false when it has to be tried again.
    @discardableResult
    private func recover(_ row: RunRecord, _ name: RunName, isAlone: Bool = true, isLast: Bool = true) async -> Bool {
        let store = surroundings.store
        let begun = row.unfinishedRecoveries + 1
        guard begun <= Runs.unfinishedRecoveriesInARow else {
            // From the next start on it has its chances again: what stood in its way, too little memory for example, may be gone.
            try? store.setUnfinishedRecoveries(0, of: row.id)
            let reason = "bringing it back ended the server \(begun - 1) times in a row, so it is left out until the next start"
            directory.addDamaged(name, row, reason)
            surroundings.logger.error("run left out", metadata: ["run": "\(name)", "reason": "\(reason)"])
            return true
        }
        // Only a note: on a full disk, which cannot take it, the run is served all the same.
        let isNoted = (try? store.logEntryCount(of: row.id)) ?? 0 > 0 && (try? store.setUnfinishedRecoveries(begun, of: row.id)) != nil
        defer { if isNoted { try? store.setUnfinishedRecoveries(0, of: row.id) } }
        let began = ContinuousClock.now
        do {
            try store.ensureSound()
            noteRecords(of: name, row)
            // An earlier attempt may have raised its epoch.
            guard let row = try store.run(row.id) else { throw RecoveryFailure(reason: "it is not in the database any more") }
            guard row.isRight else { throw RecoveryFailure.damagedRow }
            let manifest = try Manifest(JSONValue(parsing: Array(row.manifest.utf8)), isStored: true)
            let run = Run(row, name: name, manifest: manifest, in: surroundings)
            let records: Int
            do {
                records = try await run.recover()
            } catch {
                await run.close()
                throw error
            }
            directory.add(run)
            surroundings.logger.info(
                "run recovered",
                metadata: [
                    "run": "\(name)", "step": .stringConvertible(run.status.step), "records": .stringConvertible(records),
                    "seconds": .stringConvertible((ContinuousClock.now - began) / .seconds(1)),
                ])
        } catch {
            if case .stopping = directory.readiness { return true }
            let reason = RecoveryFailure(error).reason
            if !isLast, RecoveryFailure.isPassing(error, isAlone: isAlone) {
                surroundings.logger.warning("run waits", metadata: ["run": "\(name)", "reason": "\(reason)"])
                directory.noteProgress { $0.obstacle = reason }
                return false
            }
            directory.addDamaged(name, row, reason)
            surroundings.logger.error("run not recovered", metadata: ["run": "\(name)", "reason": "\(reason)"])
        }
        return true
    }

    /// Finishes what is in flight, checkpoints every run that has gone on since its last one, and takes no more steps.
    ///
    /// - Returns: false if a checkpoint could not be made.
    public func finish() async -> Bool {
        directory.readiness = .stopping
        let runs = directory.running
        var isComplete = true
        for run in runs {
            do {
                try await run.finish()
            } catch {
                isComplete = false
                surroundings.logger.error("last checkpoint failed", metadata: ["run": "\(run.name)", "reason": "\(error.detail)"])
            }
        }
        surroundings.pool.shutdown()
        return isComplete
    }
}
