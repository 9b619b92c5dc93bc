import Foundation
import LinearAlgebra
import Logging
import Memory
import SOAP
import Safetensors
import Storage
import StrictJSON

/// One training run: its parameters' state, the order of its steps, and what of it is on disk.
///
/// An actor on a thread of its own kind (``BlockingSerialExecutor``), with methods that never suspend in between: a step
/// is one piece, and the order in which steps arrive is the order in which they happen. State is changed in one place,
/// after everything that can be refused has been refused.
public actor Run {
    /// What all runs of a server share.
    struct Surroundings: Sendable {
        let store: Store
        let storage: StorageHealth
        let pool: ComputePool
        let buffers: BufferPool
        let ledger: MemoryLedger
        let meter = StepMeter()
        let threads: WorkerThreads
        /// For bodies' digests: runs that step take all of the others at times.
        let hashers = WorkerThreads(maximum: ProcessInfo.processInfo.activeProcessorCount)
        /// For manifests of new runs, whose groups may take seconds to match.
        let manifestReaders = WorkerThreads(maximum: 2)
        /// For downloads: the database reads one piece at a time, and hundreds of readers must not take all threads from steps.
        let readers = WorkerThreads(maximum: 2)
        let directory: RunDirectory
        let logger: Logger
    }

    /// Which kind of step a run takes; its first step decides.
    enum Level: String {
        case run, parameter
    }

    /// A run takes requests until it is deleted or the server stops.
    enum Life {
        case open
        /// Deleted, or never brought back: nothing of it is left.
        case gone
        /// Checkpointed at the server's stop; a later step would be lost without a word.
        case stopped
    }

    let name: RunName
    /// As the run was made, before any patch: what another PUT of the run is compared with.
    nonisolated let original: Manifest
    /// With the patches since.
    var manifest: Manifest
    /// The run's row in the database.
    let id: Int64
    let surroundings: Surroundings
    let executor: BlockingSerialExecutor
    private let board: StatusBoard
    /// What is kept of the run's steps for plots, and the news of it.
    public nonisolated let history: RunHistory

    var epoch: Int
    var step = 0
    var level: Level?
    var parameters = ParameterTable()
    /// The last step at run level.
    var record: StepRecord?
    var headers = StepHeaders()
    var checkpointing: CheckpointState
    var agreement = Agreement.whole {
        didSet { board.status.isInDoubt = agreement != .whole }
    }
    /// The opening of the file that memory was last held against; nil before the first time.
    var seen: Store.Generation?
    /// At parameter level the steps that make up the run's next point of history.
    var round: HistoryRound?
    /// The checkpoint that is being written beside the steps, if there is one.
    var underWay: CheckpointJob?
    /// How many requests for a checkpoint wait for one that is under way, or for theirs.
    var checkpointsAskedFor = 0
    var life = Life.open
    /// Whether the run is being brought back, for which its memory has been there before.
    var isRecovering = false
    /// Of this moment, for readers that take their time.
    var copies = SharedCopies()
    /// What the ledger holds for this run.
    private var reservedByteCount: Int

    /// - Parameters:
    ///   - parameters: what the run begins with; ``recover()`` finds its own.
    ///   - reservedByteCount: what has been reserved for them.
    init(
        _ row: RunRecord, name: RunName, manifest: Manifest, parameters: [TrainedParameter] = [], reservedByteCount: Int = 0,
        in surroundings: Surroundings
    ) {
        self.name = name
        original = manifest
        self.manifest = manifest
        self.surroundings = surroundings
        id = row.id
        epoch = row.epoch
        checkpointing = CheckpointState(isAhead: row.isAhead)
        seen = surroundings.store.generation
        executor = BlockingSerialExecutor(threads: surroundings.threads)
        history = RunHistory(
            run: row.id, epoch: row.epoch, store: surroundings.store, meter: surroundings.meter, logger: surroundings.logger)
        self.reservedByteCount = reservedByteCount
        for parameter in parameters { self.parameters.add(parameter) }
        board = StatusBoard(
            RunStatus(
                name: name, epoch: row.epoch, stateByteCount: reservedByteCount, parameterCount: parameters.count, manifest: manifest))
    }

    /// An empty run beside another one, on the same thread, to bring an earlier moment of it back.
    ///
    /// - Parameter history: where its steps are noted; nil is nowhere.
    init(besides run: isolated Run, epoch: Int, isAhead: Bool = false, history: RunHistory? = nil) {
        name = run.name
        original = run.original
        manifest = run.original
        surroundings = run.surroundings
        id = run.id
        self.epoch = epoch
        checkpointing = CheckpointState(isAhead: isAhead)
        executor = run.executor
        self.history =
            history
            ?? RunHistory(
                run: run.id, epoch: epoch, store: nil, meter: run.surroundings.meter, logger: run.surroundings.logger)
        reservedByteCount = 0
        board = StatusBoard(run.status)
    }

    /// Everything that steps change.
    struct Contents {
        fileprivate let step: Int
        fileprivate let level: Level?
        fileprivate let parameters: ParameterTable
        fileprivate let record: StepRecord?
        fileprivate let checkpointing: CheckpointState
        fileprivate let round: HistoryRound?
        fileprivate let reservedByteCount: Int
    }

    /// Ends the run and hands out what it was made of, with the memory that is reserved for it.
    func handOver() -> Contents {
        let contents = Contents(
            step: step, level: level, parameters: parameters, record: record, checkpointing: checkpointing, round: round,
            reservedByteCount: reservedByteCount)
        reservedByteCount = 0
        close()
        return contents
    }

    /// Puts other contents in the place of the run's own, under another epoch.
    func take(_ contents: Contents, epoch: Int) {
        release(reservedByteCount)
        step = contents.step
        level = contents.level
        parameters = contents.parameters
        record = contents.record
        // Whoever scheduled one here still comes back to it.
        let isScheduled = checkpointing.isScheduled
        checkpointing = contents.checkpointing
        checkpointing.isScheduled = isScheduled
        round = contents.round
        reservedByteCount = contents.reservedByteCount
        self.epoch = epoch
        publish()
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Where the run stands; does not wait for a step in flight.
    public nonisolated var status: RunStatus { board.status }

    var logger: Logger { surroundings.logger }
    var store: Store { surroundings.store }
    /// False from the moment on at which the run is deleted, also by a deletion that was in doubt; waits for a step in flight.
    func isThere() throws(TrainingError) -> Bool {
        do {
            try ensureAlive()
            try settle()
            return true
        } catch {
            if life == .gone { return false }
            throw error
        }
    }

    /// Shows the present to readers that do not wait.
    func publish() {
        copies.expire()
        var status = board.status
        status.step = step
        status.durableStep = checkpointing.durableStep
        status.epoch = epoch
        status.level = level
        status.manifest = manifest
        status.stateByteCount = parameters.stateByteCount
        status.parameterCount = parameters.all.count
        board.status = status
    }

    /// Refuses what comes after the run was deleted or the server stopped, and while memory is not what the disk holds.
    func ensureOpen() throws(TrainingError) {
        try ensureAlive()
        if status.isInDoubt { try settle() }
    }

    private func ensureAlive() throws(TrainingError) {
        switch life {
        case .open: return
        case .gone: throw TrainingError.unknownRun(name)
        case .stopped: throw TrainingError.shuttingDown
        }
    }

    /// Admits a write: the run is open, its memory agrees with the disk, and the writer is of this epoch (``RunStatus/fence(_:)``).
    func admitWrite(epoch expected: Int?) throws(TrainingError) {
        try ensureOpen()
        try settle()
        try board.status.fence(expected)
    }

    func parameter(_ name: TensorName) throws(TrainingError) -> TrainedParameter {
        guard let parameter = parameters.byName[name] else {
            throw TrainingError(
                .unknownParameter, "The run \"\(self.name)\" has no parameter \"\(name)\".", [("parameter", .string(name.description))])
        }
        return parameter
    }

    /// Makes the state of a new parameter; its bytes have been reserved.
    func register(_ name: TensorName, shape: [Int], group: Manifest.Group?) -> TrainedParameter {
        let parameter = TrainedParameter(name: name, shape: shape, group: group, in: manifest)
        parameters.add(parameter)
        return parameter
    }

    /// Reserves memory for state and weights before any of it is allocated.
    ///
    /// - Parameter shapes: the parameters that ask for it, to say what costs most.
    /// - Throws: `recovering` when the run would grow while others are not back, which have not reserved their memory yet.
    func reserve(_ count: Int, for shapes: @autoclosure () -> [StateEstimate]) throws(TrainingError) {
        guard count > 0 else { return }
        if !isRecovering, case .recovering = surroundings.directory.readiness {
            throw TrainingError.recovering(surroundings.directory.readiness)
        }
        guard surroundings.ledger.reserve(count) else {
            throw TrainingError.outOfMemory(shapes(), needed: count, surroundings.ledger)
        }
        reservedByteCount += count
    }

    func release(_ count: Int) {
        surroundings.ledger.release(count)
        reservedByteCount -= count
    }

    /// Deletes everything the run has on disk, then ends it; its name is free when this returns.
    func delete(epoch: Int?) throws(TrainingError) {
        try ensureAlive()
        // Also one that cannot be read any more can be deleted.
        try? settle()
        // A deletion that was in doubt has happened.
        if life == .gone { return }
        try board.status.fence(epoch)
        try doubting { () throws(StorageError) in try store.deleteRun(id) }
        end()
    }

    /// Ends a run of which nothing is left on disk; its name is free.
    func end() {
        // A checkpoint under way ends soon, for it finds the run gone; until then it holds the state's memory.
        life = .gone
        settleCheckpoint()
        close()
        surroundings.directory.remove(name)
        history.events.publish(.deletion, epoch: epoch, step: step)
    }

    /// Ends the run: later calls find it gone, its memory is given back.
    func close() {
        life = .gone
        empty()
    }

    /// Lets go of everything that steps change, and of its memory.
    func empty() {
        release(reservedByteCount)
        parameters = ParameterTable()
        record = nil
        headers = StepHeaders()
    }
}
