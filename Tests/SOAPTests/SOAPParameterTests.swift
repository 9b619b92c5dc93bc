import LinearAlgebra
import SOAP
import Testing

@Suite struct SOAPParameterTests {
    @Test func stateByteCountIsWhatIsStored() throws {
        let cases: [(shape: [Int], options: SOAPOptions)] = [
            ([8, 6], SOAPOptions { _ in }),
            ([8, 6], SOAPOptions { $0.maxPreconditionDim = 7 }),
            ([5], SOAPOptions { _ in }),
            ([5], SOAPOptions { $0.precondition1D = true }),
            ([5], SOAPOptions { $0.useKLShampoo = true }),
            ([2, 3, 4], SOAPOptions { _ in }),
            ([], SOAPOptions { _ in }),
        ]
        for (shape, options) in cases {
            let parameter = SOAPParameter<Float>(shape: shape, options: options)
            _ = parameter.step([Float](repeating: 1, count: parameter.count), options: options)
            let stored = parameter.stateKeys.reduce(0) { $0 + parameter.elements($1).count * 4 }
            #expect(SOAPParameter<Float>.stateByteCount(shape: shape, options: options) == stored)
            #expect(SOAPParameter<Double>.stateByteCount(shape: shape, options: options) == 2 * stored)
        }
        let plain = SOAPOptions(learningRate: 1)
        #expect(SOAPParameter<Float>.stateByteCount(shape: [1 << 40], options: plain) == 1 << 43)
        #expect(SOAPParameter<Float>.stateByteCount(shape: [1 << 33, 2], options: plain) == nil)
        #expect(SOAPParameter<Float>.stateByteCount(shape: [.max, 4], options: plain) == nil)
    }

    @Test func aStepNeedsNoNewScratchMemoryTheSecondTime() {
        var random = TestRandom(state: 2)
        let options = SOAPOptions(learningRate: 0.003)
        let parameter = SOAPParameter<Float>(shape: [40, 30], options: options)
        let workspace = Workspace()
        var capacities: [Int] = []
        for _ in 0..<5 {
            _ = parameter.step(random.tensor([40, 30]).elements, options: options, workspace: workspace)
            capacities.append(workspace.capacity)
        }
        // The first step makes the first bases, elsewhere.
        #expect(capacities[0] == 0 && Set(capacities[1...]).count == 1)
    }

    @Test func aStepIsDivisibleUnlessEigendecompositionsAreMostOfIt() {
        for useEigh in [false, true] {
            let options = SOAPOptions {
                $0.preconditionFrequency = .every(2)
                $0.useEigh = useEigh
            }
            let parameter = SOAPParameter<Float>(shape: [30, 20], options: options)
            var costs: [TaskCost] = []
            for step in 0..<4 {
                costs.append(parameter.nextStepCost(options: options))
                _ = parameter.step([Float](repeating: Float(step + 1), count: 600), options: options)
            }
            // The first bases, none, new ones, none.
            #expect(costs.map(\.isDivisible) == [false, true, !useEigh, true])
            // The first are made in double precision, and by eigendecomposition.
            #expect(costs[0].operations > 2 * costs[1].operations && costs[2].operations > costs[1].operations)
            #expect(costs[0].operations / costs[2].operations >= 2)
            #expect(!useEigh || costs[0].operations == 2 * costs[2].operations)
            #expect(!SOAPParameter<Float>(shape: [600], options: options).nextStepCost(options: options).isDivisible)
        }
    }

    @Test func theReportTellsWhatHappened() throws {
        let options = SOAPOptions(learningRate: 0.5) {
            $0.preconditionFrequency = .every(3)
            $0.adamWarmupSteps = 1
        }
        let parameter = SOAPParameter<Float>(shape: [2, 2], options: options)
        var refreshes: [Int?] = []
        for _ in 0..<6 {
            let (update, report) = parameter.step([3, 1, 1, 2], options: options)
            #expect(abs(report.gradientRMS - (15.0 / 4).squareRoot()) < 1e-6)
            #expect(abs(report.updateRMS - (Float.sumOfSquares(update, count: 4) / 4).squareRoot()) < 1e-6)
            #expect(abs(report.directionRMS - report.updateRMS / 0.5) < 1e-6)
            #expect(report.refreshed == (parameter.lastRefreshStep == parameter.step))
            refreshes.append(parameter.lastRefreshStep)
        }
        #expect(refreshes == [nil, 2, 2, 4, 4, 4])
        let values = try #require(parameter.approximateEigenvalues(dimension: 0))
        #expect(values.count == 2 && values[0] > values[1])
        #expect(parameter.approximateEigenvalues(dimension: 2) == nil)
        let dimensions = parameter.summary().dimensions
        #expect(dimensions.map(\.size) == [2, 2] && Float(dimensions[0].largestEigenvalue) == values[0])
        #expect(dimensions[1].condition ?? 0 > 1)
    }

    @Test func clippingBoundsTheDirection() {
        let options = SOAPOptions(learningRate: 1) { $0.maxUpdateRMS = 0.25 }
        let parameter = SOAPParameter<Float>(shape: [6], options: options)
        let (update, report) = parameter.step([1, -2, 3, -4, 5, -6], options: options)
        #expect(abs(report.directionRMS - 0.25) < 1e-6)
        #expect(update.map { abs(abs($0) - 0.25) < 1e-6 } == Array(repeating: true, count: 6))
    }

    @Test func aDimensionAboveTheLimitIsNotRotated() {
        let options = SOAPOptions(learningRate: 1) { $0.maxPreconditionDim = 3 }
        let parameter = SOAPParameter<Float>(shape: [4, 3], options: options)
        var random = TestRandom(state: 4)
        for _ in 0..<3 {
            let update = parameter.step(random.tensor([4, 3]).elements, options: options).update
            #expect(update.allSatisfy { $0.isFinite })
        }
        #expect(parameter.stateKeys == [.expAvg, .expAvgSq, .factor(1), .basis(1)])
        #expect(parameter.stateShape(.factor(0)) == nil && parameter.stateShape(.basis(1)) == [3, 3])
    }

    @Test func changedOptionsHoldFromTheNextStepOn() {
        var options = SOAPOptions(learningRate: 1) { $0.adamWarmupSteps = 100 }
        let parameter = SOAPParameter<Float>(shape: [2, 2], options: options)
        for _ in 0..<3 { _ = parameter.step([1, 2, 3, 5], options: options) }
        #expect(!parameter.hasBases)
        options.adamWarmupSteps = 1
        #expect(parameter.step([1, 2, 3, 5], options: options).report.refreshed && parameter.hasBases)
        options.adamWarmupSteps = 100
        #expect(parameter.step([1, 2, 3, 5], options: options).report.refreshed)
    }

    @Test func anEmptyParameterOnlyCountsItsSteps() {
        let options = SOAPOptions(learningRate: 1)
        let parameter = SOAPParameter<Float>(shape: [0, 3], options: options)
        #expect(parameter.step([], options: options).update.isEmpty)
        #expect(parameter.step == 1 && parameter.stateKeys == [.expAvg, .expAvgSq])
    }
}
