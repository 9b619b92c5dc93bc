import Foundation
public import LinearAlgebra

/// The options of SOAP (arXiv 2409.11321) and KL-Shampoo (arXiv 2509.03378) for one parameter or a group of them.
///
/// Names and defaults are those of the `emerging_optimizers` SOAP class, in Swift's spelling. ``precondition1D``,
/// ``maxPreconditionDim`` and ``useKLShampoo`` decide what state a parameter has, so they are fixed when a
/// ``SOAPParameter`` is made; all others may change between its steps.
public struct SOAPOptions: Sendable, Equatable {
    /// `lr`: the learning rate.
    public var learningRate: Double
    /// The first of `betas`: the coefficient of the moving average of gradients.
    public var beta1 = 0.9
    /// The second of `betas`: the coefficient of the moving average of squared gradients.
    public var beta2 = 0.95
    /// `shampoo_beta`: the coefficient of the moving averages that are the Kronecker factors; below 0, ``beta2`` is used.
    public var shampooBeta = 0.95
    /// `eps`: added to the root of the second moment; with KL-Shampoo also the lower clamp of eigenvalues.
    public var epsilon = 1e-8
    /// `weight_decay`: its coefficient.
    public var weightDecay = 0.01
    /// `weight_decay_method`: how it is applied.
    public var weightDecayMethod = WeightDecayMethod.decoupled
    /// `use_nesterov`: look ahead by one step in the first moment.
    public var useNesterov = false
    /// `precondition_frequency`: at which steps the eigenbases are refreshed.
    public var preconditionFrequency = PreconditionFrequency.every(1)
    /// `adam_warmup_steps`: so many first steps are plain Adam; the first bases are made at the step after them.
    public var adamWarmupSteps = 0
    /// `precondition_1d`: one-dimensional parameters get a Kronecker factor too.
    public var precondition1D = false
    /// `correct_bias`: correct the bias of both moments.
    public var correctBias = true
    /// `correct_shampoo_beta_bias`: correct the bias of the Kronecker factors; nil is ``correctBias``.
    public var correctShampooBetaBias: Bool?
    /// `fp32_matmul_prec`: how exact the products of a step need to be.
    public var fp32MatmulPrecision = MatmulPrecision.high
    /// `qr_fp32_matmul_prec`: the same for the products of the basis refresh.
    public var qrFP32MatmulPrecision = MatmulPrecision.high
    /// `use_eigh`: refresh by full eigendecompositions instead of orthogonal iteration.
    public var useEigh = false
    /// `use_adaptive_criteria`: leave a basis as it is while it still diagonalises its factor well enough.
    public var useAdaptiveCriteria = false
    /// `adaptive_update_tolerance`: how much of the factor's norm may be off the diagonal for that.
    public var adaptiveUpdateTolerance = 1e-7
    /// `power_iter_steps`: rounds of orthogonal iteration in a refresh.
    public var powerIterSteps = 1
    /// `max_update_rms`: above 0, the direction is scaled down to this root mean square.
    public var maxUpdateRMS = 0.0
    /// `use_kl_shampoo`: KL-Shampoo's factors, for matrices; other parameters are then plain Adam.
    public var useKLShampoo = false
    /// `max_precondition_dim`: dimensions larger than this have no factor and are not rotated; nil is no limit.
    public var maxPreconditionDim: Int?
    /// `stagger_refresh`: a refresh after the first is later by the parameter's ``SOAPParameter/refreshPhase``, so that not all
    /// parameters refresh at the same steps.
    public var staggerRefresh = false

    /// The default options at a learning rate.
    public init(learningRate: Double) {
        self.learningRate = learningRate
    }

    /// The factor by which the caller multiplies the weights before it adds the update: weight decay.
    ///
    /// - Parameter learningRate: the rate of this step.
    public func weightScale(learningRate: Double) -> Double {
        switch weightDecayMethod {
        case .decoupled: 1 - learningRate * weightDecay
        case .independent: 1 - weightDecay
        case .l2: 1
        }
    }

    /// The coefficient of the Kronecker factors' moving average at a step (1-based).
    func factorBeta(atStep step: Int) -> Double {
        let beta = shampooBeta < 0 ? beta2 : shampooBeta
        guard correctShampooBetaBias ?? correctBias else { return beta }
        return 1 - (1 - beta) / (1 - pow(beta, Double(step)))
    }
}
