import Foundation
import SOAP

/// What a step of some parameters comes to, in sums over their elements.
struct StepTotals: Sendable {
    /// Elements of all gradients; 0 for a skipped step.
    var elementCount = 0
    /// Sum of the squares of all elements, after `grad_scale` and before `max_grad_norm`.
    var squaredGradient = 0.0
    var squaredUpdate = 0.0
    var learningRate = HistoryFigure()
    var parameterCount = 0
    var refreshCount = 0
    var skippedCount = 0
    var clippedCount = 0

    static func += (totals: inout StepTotals, other: StepTotals) {
        totals.elementCount += other.elementCount
        totals.squaredGradient += other.squaredGradient
        totals.squaredUpdate += other.squaredUpdate
        totals.learningRate += other.learningRate
        totals.parameterCount += other.parameterCount
        totals.refreshCount += other.refreshCount
        totals.skippedCount += other.skippedCount
        totals.clippedCount += other.clippedCount
    }

    /// Adds what a parameter's step came to, but for its gradient.
    mutating func add(_ report: StepReport, elementCount: Int, learningRate: Double) {
        squaredUpdate += report.updateRMS * report.updateRMS * Double(elementCount)
        self.elementCount += elementCount
        self.learningRate += HistoryFigure(learningRate)
        parameterCount += 1
        if report.refreshed { refreshCount += 1 }
    }

    /// - Parameter timing: nil for a step that was done again.
    func point(step: Int, epoch: Int, time: Date, timing: StepTiming?) -> HistoryPoint {
        func rms(_ squares: Double) -> HistoryFigure {
            HistoryFigure(elementCount == 0 ? nil : (squares / Double(elementCount)).squareRoot())
        }
        func seconds(_ duration: Duration?) -> HistoryFigure { HistoryFigure(duration.map { $0 / .seconds(1) }) }
        return HistoryPoint(
            firstStep: step, lastStep: step, epoch: epoch, time: time, gradientRMS: rms(squaredGradient), updateRMS: rms(squaredUpdate),
            learningRate: learningRate, receiveTime: seconds(timing?.receive), computeTime: seconds(timing?.compute),
            commitTime: seconds(timing?.commit), parameterCount: parameterCount, refreshCount: refreshCount,
            skippedCount: skippedCount, clippedCount: clippedCount)
    }
}
