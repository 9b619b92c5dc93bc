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
    /// What every gradient is multiplied by: 1 / grad_scale, times the clipping factor.
    var gradientFactor = 1.0
    /// A non-finite gradient under the policy `skip`: answer zeros, change nothing.
    var isSkipped = false

    var returned: StepInputs.Returned { inputs.returned ?? .updates }

    func answerDType(_ entry: Entry) -> DType { inputs.dtype ?? entry.dtype }

    /// Finds the norm, judges finiteness and the state's range, and sets the factor.
    ///
    /// - Throws: `nonfinite-gradient` when the policy is to refuse.
    mutating func judge(_ rule: Policy.NonFiniteRule, on pool: ComputePool) throws(TrainingError) {
        let scale = 1 / (inputs.gradScale ?? 1)
        let scans = SharedResults(count: entries.count, ElementConversion.Scan())
        pool.perform(costs: entries.map { Double($0.elementCount) }) { [entries = Unchecked(entries)] index, _ in
            let entry = entries.value[index]
            scans[index] = ElementConversion.scan(entry.bytes, entry.dtype, scale: scale)
        }
        gradientFactor = scale
        if let maximum = inputs.maxGradNorm {
            let norm = scans.values.reduce(0) { $0 + $1.squaredNorm }.squareRoot()
            // An infinite norm is refused or skipped below.
            if norm.isFinite { gradientFactor *= min(1, maximum / (norm + 1e-6)) }
        }
        let clipping = gradientFactor / scale
        for (entry, scan) in zip(entries, scans.values) {
            guard let problem = StepPlan.problem(entry, scan, clipping: clipping) else { continue }
            if rule == .reject { throw problem }
            isSkipped = true
        }
    }

    private static func problem(_ entry: Entry, _ scan: ElementConversion.Scan, clipping: Double) -> TrainingError? {
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
        let squaredWeightNorm =
            options.weightDecayMethod == .l2
            ? entry.known?.weights.map { ElementConversion.scan($0.bytes, .f32, scale: 1).squaredNorm } ?? 0 : 0
        guard
            !SOAPParameter<Float>.canTake(
                squaredNorm: squaredNorm, squaredWeightNorm: squaredWeightNorm, shape: entry.shape, options: options)
        else { return nil }
        return TrainingError(
            .nonFiniteGradient,
            "The gradient of \"\(entry.name)\" is finite, but with a norm of \(squaredNorm.squareRoot()) it would overflow F32 in the state.",
            [
                ("parameter", .string(entry.name.description)), ("nonfinite_count", 0),
                ("norm", JSONValue(squaredNorm.squareRoot())),
            ])
    }
}

/// Vouches for a value that is only read while other threads use it.
struct Unchecked<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}

/// Results that parallel tasks write, each to its own place.
///
/// Sendable by discipline: no two tasks share an index, and `values` is read after all of them are done.
final class SharedResults<Value>: @unchecked Sendable {
    private let storage: UnsafeMutableBufferPointer<Value>

    init(count: Int, _ initial: Value) {
        storage = .allocate(capacity: count)
        storage.initialize(repeating: initial)
    }

    deinit {
        storage.deinitialize()
        storage.deallocate()
    }

    subscript(index: Int) -> Value {
        get { storage[index] }
        set { storage[index] = newValue }
    }

    var values: [Value] { Array(storage) }
}
