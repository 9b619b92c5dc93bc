import Foundation
import Memory
import SOAP
import Safetensors

/// One parameter of a run: the optimizer's state for it, and what the run knows beside.
///
/// Sendable by discipline: it belongs to its run's actor, and during a step to the one compute task that steps it.
final class TrainedParameter: @unchecked Sendable {
    let name: TensorName
    private(set) var settings: OptimizerSettings
    /// The group it belongs to; nil is the run's own options.
    private(set) var group: Manifest.Group?
    let state: SOAPParameter<Float>
    /// Bytes reserved for the state.
    let stateByteCount: Int
    /// Hosted weights, F32; nil while the client keeps its weights.
    var weights: AlignedBuffer?
    /// The last step at parameter level, and its number: skipped steps have one too, unlike the state's own count.
    var record: StepRecord?
    var lastNumber = 0
    /// What `lastNumber` would be after a restart.
    var durableNumber = 0
    /// What the checkpoint under way has of it; to be preserved before state or weights change.
    var part: CheckpointPart?
    /// What the last step looked like; nil before the first and after a restart from a checkpoint without it.
    var lastStep: StepFigures?
    var summary: TimedSummary?

    /// Figures of one step, for people.
    struct StepFigures: Sendable {
        var gradientRMS: Double
        var updateRMS: Double
        var learningRate: Double
        /// Whether a decomposition of the newest refresh failed in both precisions, so that the old basis stays.
        var keptOldBasis = false
        /// How many decompositions failed in single precision and were done in double.
        var doubleFallbacks = 0
    }

    /// A summary of the state, with what it cost, so that a dashboard cannot make a run spend its time on summaries.
    struct TimedSummary: Sendable {
        let figures: ParameterSummary
        let step: Int
        let madeAt: ContinuousClock.Instant
        let duration: Duration
    }

    init(name: TensorName, group: Manifest.Group?, in manifest: Manifest, state: SOAPParameter<Float>) {
        self.name = name
        self.group = group
        settings = group?.settings ?? manifest.settings
        self.state = state
        stateByteCount = StateEstimate(name: name, shape: state.shape, options: settings.options).byteCount
    }

    /// A parameter at its beginning.
    convenience init(name: TensorName, shape: [Int], group: Manifest.Group?, in manifest: Manifest) {
        let options = (group?.settings ?? manifest.settings).options
        self.init(name: name, group: group, in: manifest, state: SOAPParameter(shape: shape, options: options))
    }

    /// Takes the options of a patched manifest; the group stays.
    func adopt(_ manifest: Manifest) {
        if let name = group?.name { group = manifest.group(of: self.name, naming: name) }
        settings = group?.settings ?? manifest.settings
    }

    var shape: [Int] { state.shape }
    var elementCount: Int { shape.reduce(1, *) }

    /// Makes the summary anew, unless it is current, or is not cheap and would take over a twentieth of the time.
    func refreshSummary() {
        let now = ContinuousClock.now
        if let summary {
            let isCheap = summary.duration < .milliseconds(5)
            if summary.step == state.step || (!isCheap && now - summary.madeAt < summary.duration * 20) { return }
        }
        let figures = state.summary()
        summary = TimedSummary(figures: figures, step: state.step, madeAt: now, duration: ContinuousClock.now - now)
    }
}
