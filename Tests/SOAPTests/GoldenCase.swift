import Foundation
import LinearAlgebra
import SOAP

/// A recorded trajectory in float64 for float32 gradients, with the tolerance that belongs to each step.
struct GoldenCase {
    let name: String
    let shape: [Int]
    let steps: Int
    let options: SOAPOptions
    let learningRates: [Double]?
    let referenceError: [Double]
    /// The relative error of a plain float32 run at each step.
    let float32Error: [Double]
    /// 1-based.
    let comparedSteps: [Int]
    let tensors: [String: Tensor<Float>]

    static let names = [
        "adam_warmup", "adaptive", "adaptive_eigh", "adaptive_frequency", "clip_update_rms", "convolution", "decay_independent",
        "decay_l2", "defaults", "eigh", "eigh_frequency", "everything", "frequency", "frequency_schedule", "kl_shampoo",
        "kl_shampoo_eigh", "kl_shampoo_warmup", "large_eps", "larger", "lr_schedule", "nesterov", "nesterov_no_bias_correction",
        "no_bias_correction", "no_decay", "no_shampoo_bias", "one_by_one", "one_dimensional_adam", "one_dimensional_soap",
        "power_iterations", "scalar_like", "shampoo_beta_from_betas", "shampoo_bias_only", "tall", "three_dimensional",
        "warmup_off_beat_eigh", "wide",
    ]

    init(named name: String) throws {
        guard let url = Bundle.module.url(forResource: name, withExtension: "safetensors", subdirectory: "Golden") else {
            throw CocoaError(.fileNoSuchFile)
        }
        let file = try TensorFile(contentsOf: url)
        let config = try file.metadata(Config.self, "config")
        self.name = name
        shape = try file.metadata([Int].self, "shape")
        steps = try file.metadata(Int.self, "steps")
        learningRates = try? file.metadata([Double].self, "lr")
        referenceError = try file.metadata([Double].self, "reference_error")
        float32Error = try file.metadata([Double].self, "float32_error")
        comparedSteps = try file.metadata([Int].self, "compare")
        options = config.options
        tensors = file.tensors
    }
}

/// The options as the cases record them.
private struct Config: Decodable {
    var lr: Double
    var betas: [Double]
    var shampooBeta: Double
    var eps: Double
    var weightDecay: Double
    var weightDecayMethod: String
    var useNesterov: Bool
    var preconditionFrequency: Frequency
    var adamWarmupSteps: Int
    var precondition1D: Bool
    var correctBias: Bool
    var useEigh: Bool
    var useAdaptiveCriteria: Bool
    var adaptiveUpdateTolerance: Double
    var powerIterSteps: Int
    var maxUpdateRms: Double
    var useKlShampoo: Bool
    var correctShampooBetaBias: Bool?

    enum Frequency: Decodable {
        case every(Int)
        case schedule([[Int]])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let every = try? container.decode(Int.self) {
                self = .every(every)
            } else {
                self = .schedule(try container.decode([[Int]].self))
            }
        }
    }

    var options: SOAPOptions {
        var options = SOAPOptions(learningRate: lr)
        options.beta1 = betas[0]
        options.beta2 = betas[1]
        options.shampooBeta = shampooBeta
        options.epsilon = eps
        options.weightDecay = weightDecay
        options.weightDecayMethod = WeightDecayMethod(rawValue: weightDecayMethod) ?? .decoupled
        options.useNesterov = useNesterov
        options.preconditionFrequency =
            switch preconditionFrequency {
            case .every(let every): .every(every)
            case .schedule(let stages): .schedule(stages.map { .init(fromStep: $0[0], every: $0[1]) })
            }
        options.adamWarmupSteps = adamWarmupSteps
        options.precondition1D = precondition1D
        options.correctBias = correctBias
        options.useEigh = useEigh
        options.useAdaptiveCriteria = useAdaptiveCriteria
        options.adaptiveUpdateTolerance = adaptiveUpdateTolerance
        options.powerIterSteps = powerIterSteps
        options.maxUpdateRMS = maxUpdateRms
        options.useKLShampoo = useKlShampoo
        options.correctShampooBetaBias = correctShampooBetaBias
        options.fp32MatmulPrecision = .highest
        options.qrFP32MatmulPrecision = .highest
        return options
    }
}
