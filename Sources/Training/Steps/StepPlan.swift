import LinearAlgebra
import Memory
import SOAP
import Safetensors
import StrictJSON

/// A step that has been read and checked against its run, and that has changed nothing yet.
///
/// Everything that can be refused is refused while a plan is made and judged; carrying it out cannot fail.
struct StepPlan {
    /// One gradient and the parameter it is for.
    struct Entry {
        let name: TensorName
        let shape: [Int]
        let dtype: DType
        /// The gradient inside the step's body, perhaps not aligned for its dtype.
        let bytes: UnsafeRawBufferPointer
        /// nil when this step is the first to name the parameter.
        let known: TrainedParameter?
        let group: Manifest.Group?
        let settings: OptimizerSettings
        let learningRate: Double

        var elementCount: Int { shape.reduce(1, *) }
    }

    /// How the answer is laid out.
    enum Form {
        /// safetensors, one tensor a parameter.
        case run
        /// The bare tensor of one parameter.
        case parameter
    }

    let form: Form
    let inputs: StepInputs
    let entries: [Entry]
    /// Keeps the memory alive that the entries view.
    let body: AlignedBuffer
    /// Of a body that has one.
    let header: SafetensorsFile.Header?
    /// What every gradient is multiplied by: 1 / grad_scale, times the clipping factor.
    var gradientFactor = 1.0
    /// A non-finite gradient under the policy `skip`: answer zeros, change nothing.
    var isSkipped = false
    /// Sum of the squares of all elements, after grad_scale and before clipping.
    private(set) var squaredNorm = 0.0
    /// Whether max_grad_norm makes the gradients smaller.
    private(set) var isClipped = false

    var returned: StepInputs.Returned { inputs.returned ?? .updates }

    func answerDType(_ entry: Entry) -> DType { inputs.dtype ?? entry.dtype }

    /// Finds the norm, sets the factor, and judges finiteness and the state's range.
    ///
    /// - Returns: why the step cannot be taken as it is, a `nonfinite-gradient`; nil when it can.
    mutating func judge(on pool: ComputePool) -> TrainingError? {
        let scale = 1 / (inputs.gradScale ?? 1)
        let scans = SharedResults(count: entries.count, ElementConversion.Scan())
        let squaredWeightNorms = SharedResults(count: entries.count, 0.0)
        pool.perform(costs: entries.map { TaskCost(Double($0.elementCount)) }) { [entries = Unchecked(entries)] index, _ in
            let entry = entries.value[index]
            scans[index] = ElementConversion.scan(entry.bytes, entry.dtype, scale: scale)
            if let weights = entry.known?.weights {
                squaredWeightNorms[index] = ElementConversion.scan(weights.bytes, .f32, scale: 1).squaredNorm
            }
        }
        gradientFactor = scale
        squaredNorm = (0..<entries.count).reduce(0) { $0 + scans[$1].squaredNorm }
        if let maximum = inputs.maxGradNorm {
            let norm = squaredNorm.squareRoot()
            // An infinite norm is refused or skipped below.
            if norm.isFinite { gradientFactor *= min(1, maximum / (norm + 1e-6)) }
        }
        let clipping = gradientFactor / scale
        isClipped = clipping < 1
        for (index, entry) in entries.enumerated() {
            let problem = StepPlan.problem(entry, scans[index], clipping: clipping, squaredWeightNorm: squaredWeightNorms[index])
            if let problem { return problem }
        }
        return nil
    }

    private static func problem(
        _ entry: Entry, _ scan: ElementConversion.Scan, clipping: Double, squaredWeightNorm: Double
    ) -> TrainingError? {
        if scan.nonFiniteCount > 0 {
            return TrainingError(
                .nonFiniteGradient,
                "The gradient of \"\(entry.name)\" has \(scan.nonFiniteCount) of \(entry.elementCount) elements that are NaN, infinite or beyond F32.",
                [
                    ("parameter", .string(entry.name.description)), ("nonfinite_count", JSONValue(scan.nonFiniteCount)),
                    ("element_count", JSONValue(entry.elementCount)),
                ])
        }
        let squaredNorm = scan.squaredNorm * clipping * clipping
        let options = entry.settings.options
        if !SOAPParameter<Float>.canTake(
            squaredNorm: squaredNorm, squaredWeightNorm: squaredWeightNorm, shape: entry.shape, options: options)
        {
            let norm = squaredNorm.squareRoot()
            return overflow(entry, "its gradient is finite, but has the norm \(norm)", norm: norm)
        }
        if entry.known?.weights != nil,
            !SOAPParameter<Float>.canUpdate(
                squaredWeightNorm: squaredWeightNorm, shape: entry.shape, options: options, learningRate: entry.learningRate)
        {
            let norm = squaredWeightNorm.squareRoot()
            return overflow(
                entry, "its hosted weights have the norm \(norm), and the learning rate is \(entry.learningRate)", norm: norm)
        }
        return nil
    }

    private static func overflow(_ entry: Entry, _ cause: String, norm: Double) -> TrainingError {
        TrainingError(
            .nonFiniteGradient, "The step could overflow F32 in the state of \"\(entry.name)\": \(cause).",
            [("parameter", .string(entry.name.description)), ("nonfinite_count", 0), ("norm", JSONValue(norm))])
    }
}
