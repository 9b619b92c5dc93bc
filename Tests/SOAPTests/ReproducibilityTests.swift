import Dispatch
import LinearAlgebra
import SOAP
import Synchronization
import Testing

/// The same bits, whoever computes, in whatever company, from wherever in memory.
@Suite struct ReproducibilityTests {
    static let shapes = [[96, 80], [64, 64], [33, 120], [8, 16, 12], [500], [70, 70]]
    let options = SOAPOptions(learningRate: 0.003) { $0.preconditionFrequency = .every(2) }

    @Test(arguments: [1, 3])
    func parametersSideBySideGiveTheBitsOfOneAfterTheOther(threadCount: Int) {
        let pool = ComputePool(threadCount: threadCount)
        let alone = ReproducibilityTests.shapes.map { SOAPParameter<Float>(shape: $0, options: options) }
        let together = ReproducibilityTests.shapes.map { SOAPParameter<Float>(shape: $0, options: options) }
        var random = TestRandom(state: 6)
        for _ in 0..<4 {
            let gradients: [[Float]] = ReproducibilityTests.shapes.map { random.tensor($0).elements }
            for (parameter, gradient) in zip(alone, gradients) { _ = parameter.step(gradient, options: options) }
            pool.perform(costs: ReproducibilityTests.shapes.map { _ in TaskCost(ComputePool.inlineCost) }) { index, workspace in
                _ = together[index].step(gradients[index], options: options, workspace: workspace)
            }
        }
        for (one, other) in zip(alone, together) {
            for key in one.stateKeys { #expect(one.elements(key) == other.elements(key)) }
        }
    }

    /// Its products are cut in parts, which any thread takes that is free.
    @Test func aParameterThatAllThreadsShareGivesTheSameBitsInCompany() {
        let shape = [384, 320]
        let options = SOAPOptions(learningRate: 0.003) { $0.maxUpdateRMS = 1 }
        let pool = ComputePool(threadCount: 2)
        func run() -> SOAPParameter<Float> {
            let parameter = SOAPParameter<Float>(shape: shape, options: options)
            var random = TestRandom(state: 9)
            for _ in 0..<6 {
                let gradient: [Float] = random.tensor(shape).elements
                pool.perform(costs: [parameter.nextStepCost(options: options)]) { _, workspace in
                    _ = parameter.step(gradient, options: options, workspace: workspace)
                }
            }
            return parameter
        }
        let alone = run()
        let isOver = Atomic(false)
        let company = DispatchGroup()
        DispatchQueue.global().async(group: company) {
            var random = TestRandom(state: 10)
            let other = SOAPParameter<Float>(shape: [96, 96], options: options)
            let gradient: [Float] = random.tensor([96, 96]).elements
            while !isOver.load(ordering: .relaxed) {
                pool.perform(costs: [TaskCost(ComputePool.inlineCost)]) { _, workspace in
                    _ = other.step(gradient, options: options, workspace: workspace)
                }
            }
        }
        for _ in 0..<3 {
            let accompanied = run()
            for key in alone.stateKeys { #expect(alone.elements(key) == accompanied.elements(key)) }
        }
        isOver.store(true, ordering: .relaxed)
        company.wait()
    }

    @Test func whereTheGradientLiesDoesNotMatter() {
        let parameters = (0..<4).map { _ in SOAPParameter<Float>(shape: [37, 41], options: options) }
        var random = TestRandom(state: 8)
        for _ in 0..<4 {
            let gradient: [Float] = random.tensor([37, 41]).elements
            let updates = parameters.enumerated().map { offset, parameter in
                let padded = Array(repeating: 0, count: offset) + gradient
                var update = [Float](repeating: 0, count: padded.count)
                padded.withUnsafeBufferPointer { padded in
                    update.withUnsafeMutableBufferPointer { update in
                        _ = parameter.step(
                            gradient: UnsafeBufferPointer(rebasing: padded[offset...]), options: options, learningRate: 0.003,
                            update: UnsafeMutableBufferPointer(rebasing: update[offset...]), workspace: Workspace())
                    }
                }
                return Array(update[offset...])
            }
            for update in updates { #expect(update == updates[0]) }
        }
    }
}
