import Foundation
import Logging
import Storage

/// What is kept of a run's steps for plots, in memory and in the database, and the news of it.
///
/// DESIGN. Memory has all of it, some 300 bytes a point, so readers wait for nobody and the database is not asked. The database gets what is new some
/// hundred points at a time, beside the steps and without a sync of its own (``Store/writeHistory(_:of:epoch:)``); before each
/// checkpoint too, because then the log of those steps goes. What a crash takes, the log makes again but for the timings. A
/// failed write is counted and tried again later, and nobody else hears of it.
public final class RunHistory: @unchecked Sendable {
    /// So many points that are not saved make it worth a transaction; one writes no more at once, about 2 ms.
    private static let batch = 256
    /// Or one that has waited so long.
    private static let longest = Duration.seconds(10)

    private let run: Int64
    /// Nil for a run that is only looked at, of which nothing is kept.
    private let store: Store?
    private let logger: Logger
    private let meter: StepMeter
    let events: RunEvents
    // Invariant: the following are touched only under `lock`, which is never held during a call of the database.
    private let lock = NSLock()
    private var points = HistoryPoints()
    private var epoch: Int
    private var savedAt = ContinuousClock.now
    /// A failed write is not repeated before, but by a checkpoint.
    private var notBefore = ContinuousClock.now
    private var isSaving = false
    /// Held by whoever saves.
    private let saving = NSLock()

    init(run: Int64, epoch: Int, store: Store?, meter: StepMeter, logger: Logger) {
        (self.run, self.epoch, self.store, self.meter, self.logger) = (run, epoch, store, meter, logger)
        events = RunEvents(run: run)
    }

    // MARK: Reading

    /// The points that have a step in `steps`, drawn together to at most `limit`; and the id of the last event that they contain.
    public func selection(_ steps: ClosedRange<Int>, limit: Int) -> (points: [HistoryPoint], newest: EventID) {
        let (points, newest) = lock.withLock { (self.points, events.newest) }
        return (points.selection(steps, limit: limit), newest)
    }

    /// Watches the run: from what comes next on, or from what came after an event.
    public func watch(after id: EventID?) -> RunWatch {
        RunWatch(events, after: id ?? events.newest)
    }

    /// The last step that is noted; 0 without one.
    var lastStep: Int { lock.withLock { points.all.last?.lastStep ?? 0 } }

    // MARK: Noting

    /// Begins with what the database has of a run that is about to be brought back. A history that cannot be read is none.
    func load(epoch: Int) {
        var (rows, damaged): ([HistoryRow], Int) = ([], 0)
        do {
            (rows, damaged) = try store?.history(of: run) ?? ([], 0)
        } catch {
            logger.warning("the history of a run cannot be read", metadata: ["id": "\(run)", "reason": "\(error)"])
        }
        if damaged > 0 { logger.warning("rows of a run's history are damaged", metadata: ["id": "\(run)", "rows": "\(damaged)"]) }
        lock.withLock {
            points = HistoryPoints(saved: rows.compactMap { HistoryPoint($0) })
            self.epoch = epoch
        }
    }

    /// Notes a step.
    func note(_ point: HistoryPoint) {
        lock.withLock { points.append(point) }
    }

    /// Notes a step that was done again, unless it is known. What is known of it of an earlier epoch was given up.
    func noteAgain(_ point: HistoryPoint) {
        lock.withLock {
            points.discard(after: point.firstStep - 1, before: point.epoch)
            if point.lastStep > points.all.last?.lastStep ?? 0 { points.append(point) }
        }
    }

    /// Tells those who watch of all steps that they have not been told of.
    func announce() {
        let newest = events.newest
        events.publish(lock.withLock { points.all.suffix(while: { EventID(run: run, epoch: $0.epoch, step: $0.lastStep) > newest }) })
    }

    /// The run has been brought back.
    ///
    /// - Parameters:
    ///   - last: the greatest number of a step that has been taken. What the database has beyond it has never been, or was given up.
    ///   - hasLost: whether steps that were answered are lost.
    func begin(epoch: Int, step: Int, last: Int, hasLost: Bool) {
        let points = lock.withLock {
            self.points.discard(after: last)
            self.epoch = epoch
            return self.points.all.suffix(RunEvents.kept).suffix(while: { $0.firstStep == $0.lastStep })
        }
        events.begin(epoch: epoch, step: step, hasLost: hasLost, after: Array(points))
    }

    /// The run stands at a step again, under a new epoch, and the database knows it.
    func discard(after step: Int, epoch: Int) {
        lock.withLock {
            points.discard(after: step)
            self.epoch = epoch
        }
        do {
            try store?.discardHistory(of: run, after: step, before: epoch)
        } catch {
            noteFailure(error)
        }
    }

    /// A recovery has come to where the run stood at a step again: what it has just done of a time that was given up goes.
    func discardAgain(after step: Int, before epoch: Int) {
        lock.withLock { points.discard(after: step, before: epoch) }
    }

    // MARK: Saving

    /// Whether somebody should ``save()``; true once, until that has happened.
    func claimSaving() -> Bool {
        lock.withLock {
            let (count, now) = (points.unsaved.count, ContinuousClock.now)
            guard !isSaving, now >= notBefore, count >= RunHistory.batch || (count > 0 && now - savedAt > RunHistory.longest) else {
                return false
            }
            isSaving = true
            return true
        }
    }

    /// Writes what the database does not have. Blocks.
    func save() {
        guard let store else { return }
        saving.lock()
        defer {
            saving.unlock()
            lock.withLock { (isSaving, savedAt) = (false, .now) }
        }
        while true {
            let (batch, epoch) = lock.withLock { (points.takeUnsaved(upTo: RunHistory.batch), self.epoch) }
            guard !batch.isEmpty else { return }
            do {
                try store.writeHistory(batch.map(\.row), of: run, epoch: epoch)
            } catch {
                lock.withLock {
                    points.returnUnsaved(batch)
                    notBefore = .now + RunHistory.longest
                }
                // Deleted meanwhile, or standing elsewhere: what is still there of it is written the next time.
                if error.kind == .notFound || error.kind == .conflict { return }
                return noteFailure(error)
            }
        }
    }

    private func noteFailure(_ error: StorageError) {
        meter.addFailedHistoryWrite()
        logger.warning("the history of a run is not saved for now", metadata: ["id": "\(run)", "reason": "\(error)"])
    }

    /// The database may not have what was written to it.
    func doubt() {
        lock.withLock { points.returnAll() }
    }
}

extension BidirectionalCollection {
    /// The longest suffix whose elements all fulfil a condition.
    fileprivate func suffix(while isWanted: (Element) -> Bool) -> SubSequence {
        var start = endIndex
        while start != startIndex, isWanted(self[index(before: start)]) { start = index(before: start) }
        return self[start...]
    }
}
