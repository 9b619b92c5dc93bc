import LinearAlgebra
import SOAP
import Testing

/// What must hold of every run, whatever the gradients.
@Suite struct PropertyTests {
    static let options: [String: SOAPOptions] = [
        "defaults": SOAPOptions(learningRate: 0.003),
        "eigh": SOAPOptions { $0.useEigh = true },
        "every tenth step": SOAPOptions { $0.preconditionFrequency = .every(10) },
        "adaptive": SOAPOptions {
            $0.useAdaptiveCriteria = true
            $0.adaptiveUpdateTolerance = 0.01
        },
        "KL-Shampoo": SOAPOptions {
            $0.useKLShampoo = true
            $0.epsilon = 1e-3
        },
    ]

    @Test(arguments: options.keys.sorted(), [[12, 7], [5, 16]])
    func over500StepsBasesStayOrthonormalAndFactorsPositiveSemidefinite(name: String, shape: [Int]) throws {
        let options = try #require(PropertyTests.options[name])
        let parameter = SOAPParameter<Float>(shape: shape, options: options)
        let workspace = Workspace()
        var random = TestRandom(state: 11)
        for step in 1...500 {
            let gradient: Tensor<Float> = random.tensor(shape, scale: step.isMultiple(of: 3) ? 10 : 0.1)
            _ = parameter.step(gradient.elements, options: options, workspace: workspace)
            guard step.isMultiple(of: 50) else { continue }
            for (dimension, size) in shape.enumerated() {
                #expect(orthogonalityError(parameter.elements(.basis(dimension)), size) <= 1e-4, "step \(step)")
                checkFactor(parameter.elements(.factor(dimension)), size, &random)
            }
        }
    }

    private func orthogonalityError(_ basis: [Float], _ n: Int) -> Double {
        var largest = 0.0
        for i in 0..<n {
            var rowSum = 0.0
            for j in 0..<n {
                let product = (0..<n).reduce(0.0) { $0 + Double(basis[$1 * n + i]) * Double(basis[$1 * n + j]) }
                rowSum += abs(product - (i == j ? 1 : 0))
            }
            largest = max(largest, rowSum)
        }
        return largest
    }

    /// Symmetric to the last bit or nearly, and no direction in which it is negative beyond rounding.
    private func checkFactor(_ factor: [Float], _ n: Int, _ random: inout TestRandom) {
        let largest = (0..<n).reduce(Float(0)) { max($0, factor[$1 * n + $1]) }
        for i in 0..<n {
            for j in 0..<i { #expect(abs(factor[i * n + j] - factor[j * n + i]) <= largest * 1e-6) }
        }
        for _ in 0..<20 {
            let x: Tensor<Double> = random.tensor([n])
            var form = 0.0
            for i in 0..<n {
                for j in 0..<n { form += x.elements[i] * Double(factor[i * n + j]) * x.elements[j] }
            }
            #expect(form >= -1e-5 * Double(largest) * Double(n))
        }
    }

    /// Renaming rows and columns renames those of the update, and does nothing else. In a null space any basis is as good as
    /// another, hence the square shape, whose first factors have full rank.
    @Test func theUpdateIsEquivariantToPermutations() {
        let shape = [6, 6]
        let options = SOAPOptions { $0.preconditionFrequency = .every(2) }
        let rows = [3, 0, 5, 1, 4, 2]
        let columns = [2, 5, 0, 4, 1, 3]
        func permuted(_ values: [Double]) -> [Double] {
            rows.flatMap { row in columns.map { values[row * 6 + $0] } }
        }
        let plain = SOAPParameter<Double>(shape: shape, options: options)
        let renamed = SOAPParameter<Double>(shape: shape, options: options)
        var random = TestRandom(state: 5)
        for step in 1...12 {
            let gradient: Tensor<Double> = random.tensor(shape)
            let update = plain.step(gradient.elements, options: options).update
            let other = renamed.step(permuted(gradient.elements), options: options).update
            #expect(relativeError(other, permuted(update)) <= 1e-4, "step \(step)")
        }
    }

    /// Corrected, the weights of the moving average add up to 1.
    @Test(arguments: [0.8, 0, -1], [true, false])
    func factorsAreMovingAveragesOfTheGradientTimesItself(shampooBeta: Double, corrects: Bool) {
        let options = SOAPOptions {
            $0.beta2 = 0.7
            $0.shampooBeta = shampooBeta
            $0.correctShampooBetaBias = corrects
        }
        let beta = shampooBeta < 0 ? 0.7 : shampooBeta
        let parameter = SOAPParameter<Double>(shape: [2, 3], options: options)
        var random = TestRandom(state: 4)
        var average = [Double](repeating: 0, count: 4)
        for step in 1...5 {
            let g: [Double] = random.tensor([2, 3]).elements
            for i in 0..<2 {
                for j in 0..<2 {
                    let product = (0..<3).reduce(0) { $0 + g[i * 3 + $1] * g[j * 3 + $1] }
                    average[i * 2 + j] = beta * average[i * 2 + j] + (1 - beta) * product
                }
            }
            _ = parameter.step(g, options: options)
            let correction = corrects ? 1 - power(beta, step) : 1
            #expect(relativeError(parameter.elements(.factor(0)), average.map { $0 / correction }) <= 1e-12, "step \(step)")
        }
    }

    /// Without a rotation SOAP is Adam, element by element.
    @Test(arguments: [[40], [], [1], [3, 5]])
    func withoutFactorsItIsAdam(shape: [Int]) {
        let options = SOAPOptions(learningRate: 0.01) { $0.maxPreconditionDim = 1 }
        let count = shape.reduce(1, *)
        let parameter = SOAPParameter<Float>(shape: shape, options: options)
        var random = TestRandom(state: 7)
        var m = [Double](repeating: 0, count: count)
        var v = m
        for step in 1...20 {
            let gradient: Tensor<Float> = random.tensor(shape)
            var expected: [Double] = []
            for i in 0..<count {
                let g = Double(gradient.elements[i])
                m[i] = 0.9 * m[i] + 0.1 * g
                v[i] = 0.95 * v[i] + 0.05 * g * g
                let correction = (m[i] / (1 - power(0.9, step)), v[i] / (1 - power(0.95, step)))
                expected.append(-0.01 * correction.0 / (correction.1.squareRoot() + 1e-8))
            }
            let update = parameter.step(gradient.elements, options: options).update
            let difference = zip(update, expected).map { abs(Double($0) - $1) }.max() ?? 0
            #expect(difference <= 1e-5 * options.learningRate, "step \(step)")
        }
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { result, _ in result * base }
    }
}
