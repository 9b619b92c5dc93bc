import SOAP
import Testing

@Suite struct SOAPOptionsTests {
    static let refused: [(option: String, change: @Sendable (inout SOAPOptions) -> Void)] = [
        ("lr", { $0.learningRate = -1e-9 }),
        ("lr", { $0.learningRate = .infinity }),
        ("betas", { $0.beta1 = 1 }),
        ("betas", { $0.beta2 = -0.1 }),
        ("betas", { $0.beta2 = .nan }),
        ("shampoo_beta", { $0.shampooBeta = 1 }),
        ("shampoo_beta", { $0.shampooBeta = -.infinity }),
        ("eps", { $0.epsilon = 0 }),
        ("weight_decay", { $0.weightDecay = -0.01 }),
        ("precondition_frequency", { $0.preconditionFrequency = .every(0) }),
        ("precondition_frequency", { $0.preconditionFrequency = .schedule([]) }),
        ("precondition_frequency", { $0.preconditionFrequency = .schedule([.init(fromStep: 1, every: 1)]) }),
        ("precondition_frequency", { $0.preconditionFrequency = .schedule([.init(fromStep: 0, every: 1), .init(fromStep: 0, every: 2)]) }),
        ("precondition_frequency", { $0.preconditionFrequency = .schedule([.init(fromStep: 0, every: 0)]) }),
        ("adam_warmup_steps", { $0.adamWarmupSteps = -1 }),
        ("adaptive_update_tolerance", { $0.adaptiveUpdateTolerance = 1 }),
        ("power_iter_steps", { $0.powerIterSteps = 0 }),
        ("power_iter_steps", { $0.powerIterSteps = 1001 }),
        ("max_update_rms", { $0.maxUpdateRMS = -1 }),
        ("max_precondition_dim", { $0.maxPreconditionDim = 0 }),
        (
            "use_kl_shampoo",
            {
                $0.useKLShampoo = true
                $0.precondition1D = true
            }
        ),
        (
            "use_kl_shampoo",
            {
                $0.useKLShampoo = true
                $0.maxPreconditionDim = 64
            }
        ),
    ]

    @Test(arguments: refused.indices)
    func anOptionOutOfRangeIsRefusedByItsDocumentedName(index: Int) {
        let (option, change) = SOAPOptionsTests.refused[index]
        let error = #expect(throws: SOAPOptionError.self) { try SOAPOptions(change).validate() }
        #expect(error?.option == option)
    }

    @Test func theDefaultsAndTheEndsOfTheRangesAreTaken() throws {
        try SOAPOptions(learningRate: 0.003).validate()
        try SOAPOptions(learningRate: 0) {
            $0.beta1 = 0
            $0.shampooBeta = -1
            $0.epsilon = .leastNonzeroMagnitude
            $0.weightDecay = 0
            $0.preconditionFrequency = .schedule([.init(fromStep: 0, every: 1), .init(fromStep: 10, every: 5)])
            $0.adaptiveUpdateTolerance = 0
            $0.maxPreconditionDim = 1
        }.validate()
    }

    @Test func someCombinationsWithAShapeAreRefused() throws {
        let plain = SOAPOptions(learningRate: 0.003)
        let kl = SOAPOptions { $0.useKLShampoo = true }
        for shape in [[], [7], [3, 4]] { try kl.validate(shape: shape) }
        #expect(throws: SOAPOptionError.self) { try kl.validate(shape: [2, 3, 4]) }
        #expect(throws: SOAPOptionError.self) { try plain.validate(shape: [1 << 20, 1 << 20]) }
        #expect(throws: SOAPOptionError.self) { try plain.validate(shape: [-1, 4]) }
        #expect(throws: SOAPOptionError.self) { try plain.validate(shape: [.max, .max, 0]) }
        let wide = #expect(throws: SOAPOptionError.self) { try plain.validate(shape: [50_000, 8]) }
        #expect(wide?.option == "max_precondition_dim")
        try SOAPOptions { $0.maxPreconditionDim = 1_024 }.validate(shape: [50_000, 8])
        try plain.validate(shape: [0, 8])
    }

    @Test func weightScaleFollowsTheMethod() {
        func scale(_ method: WeightDecayMethod) -> Double {
            SOAPOptions {
                $0.weightDecayMethod = method
                $0.weightDecay = 0.25
            }.weightScale(learningRate: 0.5)
        }
        #expect(scale(.decoupled) == 0.875)
        #expect(scale(.independent) == 0.75)
        #expect(scale(.l2) == 1)
    }

    @Test func aFrequencyIsDueAtItsMultiples() {
        let schedule = PreconditionFrequency.schedule([.init(fromStep: 0, every: 2), .init(fromStep: 5, every: 3)])
        #expect((0..<13).filter { schedule.isDue(at: $0) } == [0, 2, 4, 6, 9, 12])
        #expect((0..<9).filter { PreconditionFrequency.every(4).isDue(at: $0) } == [0, 4, 8])
        let custom = PreconditionFrequency.custom(.init { $0 < 4 ? 2 : 3 })
        #expect((0..<10).filter { custom.isDue(at: $0) } == [0, 2, 6, 9])
        #expect((0..<4).filter { PreconditionFrequency.custom(.init { 0 - $0 }).isDue(at: $0) } == [0, 1, 2, 3])
        for frequency in [schedule, .every(1), .every(4), custom] {
            for step in 0..<13 { #expect(frequency.lastDue(through: step) == (0...step).last { frequency.isDue(at: $0) }) }
        }
        #expect(PreconditionFrequency.every(10).lastDue(through: 1 << 53) == (1 << 53) / 10 * 10)
        #expect(custom == custom)
    }

    @Test(arguments: ["exp_avg", "exp_avg_sq", "factor.0", "basis.12"])
    func stateNamesGoBothWays(name: String) {
        #expect(StateKey(name: name)?.name == name)
    }

    @Test(arguments: ["", "exp", "exp_avg.0", "factor", "factor.", "factor.-1", "factor.+1", "factor.01", "factor.1.2", "basis.x"])
    func otherNamesAreNoState(name: String) {
        #expect(StateKey(name: name) == nil)
    }
}
