public import Safetensors
import StrictJSON

/// What a client may say about one step besides its gradients; nil means "left out".
///
/// Two steps are the same only if these are equal by value, so nothing here is ever filled in from the run's options.
public struct StepInputs: Sendable, Equatable {
    /// What the answer carries.
    public enum Returned: String, Sendable, CaseIterable {
        case updates, weights, none
    }

    /// This step's learning rate for every group that does not set its own.
    public var learningRate: Double?
    /// Learning rates of single groups; the names are compared as bytes.
    public var groupLearningRates: [TensorName: Double] = [:]
    /// Gradients are divided by it first.
    public var gradScale: Double?
    /// The global norm is then clipped to it.
    public var maxGradNorm: Double?
    /// The dtype of the answer; left out, each tensor answers in its gradient's.
    public var dtype: DType?
    /// What to answer with; left out, updates.
    public var returned: Returned?

    /// Nothing said.
    public init() {}

    /// As the log keeps them.
    var json: JSONObject {
        var object = JSONObject()
        if let learningRate { object["lr"] = JSONValue(learningRate) }
        if !groupLearningRates.isEmpty {
            var rates = JSONObject()
            for (group, rate) in groupLearningRates.sorted(by: {
                $0.key.description.utf8.lexicographicallyPrecedes($1.key.description.utf8)
            }) {
                rates[group.description] = JSONValue(rate)
            }
            object["group_lr"] = .object(rates)
        }
        if let gradScale { object["grad_scale"] = JSONValue(gradScale) }
        if let maxGradNorm { object["max_grad_norm"] = JSONValue(maxGradNorm) }
        if let dtype { object["dtype"] = .string(dtype.rawValue) }
        if let returned { object["return"] = .string(returned.rawValue) }
        return object
    }

    /// Reads what ``json`` wrote; nil when it is something else.
    init?(_ object: JSONObject) {
        self.init()
        learningRate = object["lr"]?.double
        for (group, rate) in object["group_lr"]?.objectValue ?? [:] {
            guard let group = TensorName(group) else { return nil }
            groupLearningRates[group] = rate.double
        }
        gradScale = object["grad_scale"]?.double
        maxGradNorm = object["max_grad_norm"]?.double
        dtype = object["dtype"]?.stringValue.flatMap { DType(rawValue: $0) }
        returned = object["return"]?.stringValue.flatMap { Returned(rawValue: $0) }
        // What was not understood would silently compute something else.
        guard json == object else { return nil }
    }
}
