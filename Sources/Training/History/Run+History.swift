import Foundation
import Storage

extension Run {
    /// Notes a step that has been taken; nobody is told yet.
    ///
    /// - Parameters:
    ///   - timing: nil when it is not known how the step ended.
    ///   - logged: the record of the log, for a step that is done again.
    func note(_ totals: StepTotals, _ form: StepPlan.Form, _ number: Int, _ timing: StepTiming? = nil, doneAgain logged: LogRecord? = nil) {
        let moment = logged.map { Moment(time: $0.createdAt, epoch: $0.entry.epoch, isPast: true) } ?? present
        guard form == .parameter else { return note(totals, number, timing, moment) }
        if let round, round.number < number { endRound(at: moment) }
        var present = round ?? HistoryRound(number: max(number, history.lastStep))
        present.add(totals, timing)
        round = present
        if parameters.smallestNumber >= present.number { endRound(at: moment) }
    }

    /// Notes what has been taken of a round.
    func endRound() {
        endRound(at: present)
    }

    /// When a step was taken.
    private struct Moment {
        let time: Date
        let epoch: Int
        /// Whether it is done again now.
        let isPast: Bool
    }

    private var present: Moment { Moment(time: Date(), epoch: epoch, isPast: false) }

    private func endRound(at moment: Moment) {
        guard let round else { return }
        self.round = nil
        note(round.totals, round.number, round.timing, moment)
    }

    private func note(_ totals: StepTotals, _ number: Int, _ timing: StepTiming?, _ moment: Moment) {
        let point = totals.point(step: number, epoch: moment.epoch, time: moment.time, timing: timing)
        if moment.isPast { history.noteAgain(point) } else { history.note(point) }
    }

    /// Has the history written beside the steps when there is enough of it.
    func saveHistoryIfDue() {
        guard history.claimSaving() else { return }
        surroundings.threads.run { [history] in history.save() }
    }

    /// Takes a step and tells those who watch if it is refused.
    func tellingOfRefusals(_ number: Int, _ step: () throws(TrainingError) -> StepAnswer) throws(TrainingError) -> StepAnswer {
        do {
            return try step()
        } catch {
            // Of a step in doubt it is told when it is known whether it was taken.
            if life == .open, error.code != .commitUnknown { history.events.publish(.refusal(error, step: number)) }
            throw error
        }
    }
}
