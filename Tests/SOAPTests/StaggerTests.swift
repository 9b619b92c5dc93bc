import LinearAlgebra
import SOAP
import Testing

/// Parameters that take turns with their refreshes (`stagger_refresh`).
@Suite struct StaggerTests {
    @Test(arguments: [
        (PreconditionFrequency.every(4), 0.0, [0, 4, 8, 12]),
        (.every(4), 0.24, [0, 4, 8, 12]),
        (.every(4), 0.25, [1, 5, 9, 13]),
        (.every(4), 0.999, [3, 7, 11]),
        (.every(1), 0.999, Array(0..<14)),
        (.schedule([.init(fromStep: 0, every: 2), .init(fromStep: 5, every: 3)]), 0.5, [1, 3, 7, 10, 13]),
        (.schedule([.init(fromStep: 0, every: 2), .init(fromStep: 5, every: 3)]), 0.7, [1, 3, 5, 8, 11]),
        (.custom(.init { $0 < 4 ? 2 : 0 }), 0.5, [1, 3] + Array(4..<14)),
        (.every(.max), 0.999, []),
    ])
    func aPhaseMovesEveryRefreshByItsPartOfTheFrequency(frequency: PreconditionFrequency, phase: Double, due: [Int]) {
        #expect((0..<14).filter { frequency.isDue(at: $0, phase: phase) } == due)
    }

    @Test(arguments: [1, 8, 10, 16, 25])
    func equalParametersRefreshAsEvenlyAsTheyCan(count: Int) {
        let options = SOAPOptions { $0.preconditionFrequency = .every(10) }
        let phases = SOAPParameter<Float>.refreshPhases(of: Array(repeating: ([6, 4], options), count: count))
        #expect(phases == (0..<count).map { Double($0) / Double(count) })
        let refreshes = (10..<20).map { step in phases.count { options.preconditionFrequency.isDue(at: step, phase: $0) } }
        #expect(refreshes.max() == (count + 9) / 10 && refreshes.min() == count / 10)
        #expect(refreshes.reduce(0, +) == count)
    }

    @Test func aPhaseIsTheCostOfTheRefreshesBefore() {
        let options = SOAPOptions(learningRate: 1)
        let phases = SOAPParameter<Float>.refreshPhases(
            of: [([8], options), ([64, 64], options), ([32, 32], options), ([32, 32], options), ([3], options)])
        #expect(phases[0] == 0 && phases[1] == 0 && phases[4] == 0, "vectors have nothing to refresh")
        // Costs are cubic here: 8, 1 and 1 of 10.
        #expect(abs(phases[2] - 0.8) < 1e-12 && abs(phases[3] - 0.9) < 1e-12)
        #expect(SOAPParameter<Float>.refreshPhases(of: []) == [])
        #expect(SOAPParameter<Float>.refreshPhases(of: [([3], options), ([], options)]) == [0, 0])
    }

    @Test func eachFrequencyIsSpreadByItself() {
        let often = SOAPOptions { $0.preconditionFrequency = .every(2) }
        let seldom = SOAPOptions { $0.preconditionFrequency = .schedule([.init(fromStep: 0, every: 2), .init(fromStep: 9, every: 7)]) }
        let phases = SOAPParameter<Float>.refreshPhases(of: [often, seldom, seldom, often, seldom, seldom].map { ([4, 4], $0) })
        #expect(phases == [0, 0, 0.25, 0.5, 0.5, 0.75])
    }

    static let kinds: [(name: String, options: SOAPOptions)] = [
        ("SOAP", SOAPOptions { _ in }), ("use_eigh", SOAPOptions { $0.useEigh = true }),
        ("KL-Shampoo", SOAPOptions { ($0.useKLShampoo, $0.epsilon) = (true, 1e-3) }),
        ("adaptive", SOAPOptions { $0.useAdaptiveCriteria = true }),
    ]

    @Test(arguments: kinds.map(\.name), [0, 3])
    func theFirstBasesAreMadeWhenTheyAlwaysAre(kind: String, warmup: Int) throws {
        var options = try #require(StaggerTests.kinds.first { $0.name == kind }).options
        options.preconditionFrequency = .every(4)
        options.adamWarmupSteps = warmup
        options.staggerRefresh = true
        let parameter = SOAPParameter<Float>(shape: [6, 5], options: options)
        parameter.refreshPhase = 0.5
        var random = TestRandom(state: 11)
        for step in 0..<14 {
            let report = parameter.step(random.tensor([6, 5]).elements, options: options).report
            let isDue = step == warmup || (step > warmup && step % 4 == 2)
            #expect(report.refreshed == isDue, "step \(step)")
            if isDue { #expect(parameter.lastRefreshStep == step + 1) }
        }
    }

    @Test func withoutTheOptionOrWithoutAPhaseNothingDiffers() {
        var options = SOAPOptions { $0.preconditionFrequency = .every(3) }
        let parameters = (0..<3).map { _ in SOAPParameter<Float>(shape: [6, 5], options: options) }
        parameters[1].refreshPhase = 0.9
        var random = TestRandom(state: 12)
        for _ in 0..<8 {
            let gradient: [Float] = random.tensor([6, 5]).elements
            options.staggerRefresh = false
            let expected = parameters[0].step(gradient, options: options)
            let unasked = parameters[1].step(gradient, options: options)
            options.staggerRefresh = true
            let first = parameters[2].step(gradient, options: options)
            #expect(expected == unasked && expected == first)
        }
        for key in parameters[0].stateKeys { #expect(parameters[0].elements(key) == parameters[2].elements(key)) }
    }

    @Test func theNextStepCostsMoreWhenItRefreshes() {
        let options = SOAPOptions { ($0.preconditionFrequency, $0.staggerRefresh) = (.every(3), true) }
        let parameter = SOAPParameter<Float>(shape: [6, 5], options: options)
        parameter.refreshPhase = 0.4
        var costs: [Double] = []
        for _ in 0..<6 {
            costs.append(parameter.nextStepCost(options: options).operations)
            _ = parameter.step([Float](repeating: 1, count: 30), options: options)
        }
        #expect(costs == [costs[0], costs[1], costs[2], costs[2], costs[1], costs[2]] && costs[0] > costs[1] && costs[1] > costs[2])
    }
}
