import Foundation
public import StrictJSON

/// What is kept for plots of a step, or of several in a row: sums, and the least and greatest of each figure, so that a spike
/// is still seen when steps are drawn together.
///
/// At run level a step is one point. At parameter level the k-th steps of the parameters are one point, see ``HistoryRound``.
public struct HistoryPoint: Equatable, Sendable {
    var firstStep: Int
    var lastStep: Int
    /// How many steps it is made of; numbers that an import left out are none.
    var stepCount = 1
    /// Of the last step.
    var epoch: Int
    /// When the last step was taken.
    var time: Date
    /// Root mean square over all elements of the step, after `grad_scale` and before `max_grad_norm`; unknown for a skipped one.
    var gradientRMS = HistoryFigure()
    /// The same of the update, without weight decay.
    var updateRMS = HistoryFigure()
    /// Over the parameters that were stepped.
    var learningRate = HistoryFigure()
    // In seconds; unknown for a step that a recovery did again.
    var receiveTime = HistoryFigure()
    var computeTime = HistoryFigure()
    var commitTime = HistoryFigure()
    /// Steps of single parameters.
    var parameterCount = 0
    /// How many of these made a basis anew.
    var refreshCount = 0
    /// Steps that a non-finite gradient made idle.
    var skippedCount = 0
    /// Steps whose gradients `max_grad_norm` made smaller.
    var clippedCount = 0

    /// Adds what came after it.
    mutating func merge(_ later: HistoryPoint) {
        // The rest of a step that a stop of the server had cut in two is no step of its own.
        stepCount += later.firstStep > lastStep ? later.stepCount : later.stepCount - 1
        lastStep = later.lastStep
        epoch = later.epoch
        time = later.time
        gradientRMS += later.gradientRMS
        updateRMS += later.updateRMS
        learningRate += later.learningRate
        receiveTime += later.receiveTime
        computeTime += later.computeTime
        commitTime += later.commitTime
        parameterCount += later.parameterCount
        refreshCount += later.refreshCount
        skippedCount += later.skippedCount
        clippedCount += later.clippedCount
    }

    /// The point as the API shows it.
    public var json: JSONObject {
        [
            "epoch": JSONValue(epoch), "first_step": JSONValue(firstStep), "step": JSONValue(lastStep), "steps": JSONValue(stepCount),
            "time": .string(time.formatted(HistoryPoint.timeFormat)),
            "gradient_rms": gradientRMS.json, "update_rms": updateRMS.json, "learning_rate": learningRate.json,
            "receive_seconds": receiveTime.json, "compute_seconds": computeTime.json, "commit_seconds": commitTime.json,
            "parameters": JSONValue(parameterCount), "refreshes": JSONValue(refreshCount), "skipped": JSONValue(skippedCount),
            "clipped": JSONValue(clippedCount),
        ]
    }

    private static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
