import Foundation

/// What the steps of single parameters come to that make up one step of the run.
///
/// A round belongs to the greatest number that a parameter's step has had, and ends when every parameter has taken that step
/// or one of them takes the next. A parameter that lags behind counts in the round in which it steps, so a run of which some
/// parameters rest has a history too.
struct HistoryRound {
    let number: Int
    private(set) var totals = StepTotals()
    private(set) var timing: StepTiming?

    init(number: Int) {
        self.number = number
    }

    /// - Parameter timing: nil for a step that was done again.
    mutating func add(_ totals: StepTotals, _ timing: StepTiming?) {
        self.totals += totals
        guard let timing else { return }
        self.timing = (self.timing ?? StepTiming()) + timing
    }
}
