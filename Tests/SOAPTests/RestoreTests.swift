import LinearAlgebra
import SOAP
import Testing

@Suite struct RestoreTests {
    static let cases: [(shape: [Int], options: SOAPOptions)] = [
        ([8, 6], SOAPOptions { $0.preconditionFrequency = .every(3) }),
        (
            [8, 6],
            SOAPOptions {
                $0.useEigh = true
                $0.useNesterov = true
            }
        ),
        (
            [8, 6],
            SOAPOptions {
                $0.useKLShampoo = true
                $0.epsilon = 1e-3
            }
        ),
        ([8, 6], SOAPOptions { $0.adamWarmupSteps = 7 }),
        ([8, 6], SOAPOptions { $0.maxPreconditionDim = 6 }),
        (
            [2, 3, 4],
            SOAPOptions {
                $0.useAdaptiveCriteria = true
                $0.adaptiveUpdateTolerance = 0.05
            }
        ),
        ([9], SOAPOptions { $0.precondition1D = true }),
        ([9], SOAPOptions { _ in }),
        ([], SOAPOptions { _ in }),
    ]

    @Test(arguments: cases.indices)
    func goingOnFromRestoredStateIsNeverHavingStopped(index: Int) throws {
        let (shape, options) = RestoreTests.cases[index]
        for stop in [0, 1, 5] {
            var random = TestRandom(state: 7)
            let parameter = SOAPParameter<Float>(shape: shape, options: options)
            for _ in 0..<stop { _ = parameter.step(random.tensor(shape).elements, options: options) }
            let restored = try copy(of: parameter, options: options)
            for _ in 0..<6 {
                let gradient: [Float] = random.tensor(shape).elements
                let expected = parameter.step(gradient, options: options)
                let actual = restored.step(gradient, options: options)
                #expect(actual.update == expected.update && actual.report == expected.report)
            }
            #expect(restored.step == parameter.step && restored.lastRefreshStep == parameter.lastRefreshStep)
            #expect(restored.stateKeys == parameter.stateKeys)
            for key in parameter.stateKeys { #expect(restored.elements(key) == parameter.elements(key)) }
        }
    }

    private func copy(of parameter: SOAPParameter<Float>, options: SOAPOptions) throws -> SOAPParameter<Float> {
        try SOAPParameter(
            restoring: parameter.shape, options: options, step: parameter.step, lastRefreshStep: parameter.lastRefreshStep,
            keys: parameter.stateKeys.reversed()
        ) { key, elements in
            _ = elements.update(fromContentsOf: parameter.elements(key))
        }
    }

    static let complete: [StateKey] = [.expAvg, .expAvgSq, .factor(0), .factor(1), .basis(0), .basis(1)]

    static let impossible: [(step: Int, lastRefresh: Int?, keys: [StateKey], spoiled: StateKey?, value: Float)] = [
        (-1, nil, [.expAvg, .expAvgSq, .factor(0), .factor(1)], nil, 0),
        (4, 5, complete, nil, 0),
        (4, 0, complete, nil, 0),
        (4, nil, complete, nil, 0),
        (4, 4, complete.dropLast(), nil, 0),
        (4, 4, complete + [.factor(2)], nil, 0),
        (4, 4, complete + [.expAvg], nil, 0),
        (4, 4, complete, .expAvg, .nan),
        (4, 4, complete, .expAvg, 1e30),
        (4, 4, complete, .expAvgSq, -1),
        (4, 4, complete, .expAvgSq, .infinity),
        (4, 4, complete, .factor(1), .nan),
        (4, 4, complete, .factor(0), -1),
        (4, 4, complete, .basis(0), .infinity),
        (4, 4, complete, .basis(1), 3),
    ]

    @Test(arguments: impossible.indices)
    func stateThatCannotHaveBeenReachedIsRefused(index: Int) throws {
        let (step, lastRefresh, keys, spoiled, value) = RestoreTests.impossible[index]
        let options = SOAPOptions(learningRate: 0.003)
        let source = SOAPParameter<Float>(shape: [3, 4], options: options)
        var random = TestRandom(state: 3)
        for _ in 0..<4 { _ = source.step(random.tensor([3, 4]).elements, options: options) }
        #expect(throws: SOAPStateError.self) {
            try SOAPParameter<Float>(restoring: [3, 4], options: options, step: step, lastRefreshStep: lastRefresh, keys: keys) {
                key, elements in
                _ = elements.update(fromContentsOf: source.elements(key))
                if key == spoiled { elements[0] = value }
            }
        }
    }
}
