import Foundation
import LinearAlgebra

/// A network of two layers for digits, with its gradients: what a trainer keeps while Lather keeps the optimizer's state.
struct DigitsNetwork: Equatable {
    static let hiddenCount = 128
    static let classCount = 10
    static let shapes = [
        ("hidden.weight", [DigitImages.pixelCount, hiddenCount]), ("hidden.bias", [hiddenCount]),
        ("output.weight", [hiddenCount, classCount]), ("output.bias", [classCount]),
    ]

    /// In the order of `shapes`.
    private(set) var weights: [NamedTensor]

    /// Matrices between ±√(3/inputs), so that a layer keeps the variance; biases 0.
    init(seed: UInt64) {
        BLAS.configure()
        weights = DigitsNetwork.shapes.enumerated().map { index, parameter in
            let (name, shape) = parameter
            var tensor = NamedTensor(name, shape, seed: seed &+ UInt64(index))
            let scale = shape.count == 2 ? (3 / Float(shape[0])).squareRoot() : 0
            tensor.elements = tensor.elements.map { $0 * scale }
            return tensor
        }
    }

    /// The mean cross entropy and its gradients.
    func lossAndGradients(_ images: DigitImages) -> (loss: Double, gradients: [NamedTensor]) {
        let (hidden, logits) = forward(images)
        let (m, h, c) = (images.count, DigitsNetwork.hiddenCount, DigitsNetwork.classCount)
        var loss = 0.0
        var error = [Float](repeating: 0, count: m * c)
        for row in 0..<m {
            let outputs = logits[row * c..<(row + 1) * c]
            let largest = outputs.max() ?? 0
            let exponentials = outputs.map { exp($0 - largest) }
            let sum = exponentials.reduce(0, +)
            loss += Double(log(sum) + largest - logits[row * c + images.labels[row]]) / Double(m)
            for column in 0..<c {
                error[row * c + column] = (exponentials[column] / sum - (images.labels[row] == column ? 1 : 0)) / Float(m)
            }
        }
        var back = product(error, weights[2].elements, m, h, c, transposeB: true)
        for index in back.indices where hidden[index] <= 0 { back[index] = 0 }
        let elements = [
            product(images.pixels, back, DigitImages.pixelCount, h, m, transposeA: true), columnSums(back, h),
            product(hidden, error, h, c, m, transposeA: true), columnSums(error, c),
        ]
        return (loss, zip(weights, elements).map { NamedTensor($0.name, $0.shape, $1) })
    }

    /// The trainer's one line: w = w * weight_scale + update.
    mutating func apply(_ updates: Updates) {
        for index in weights.indices {
            let scale = Float(updates.weightScale(of: weights[index].name))
            weights[index].elements = zip(weights[index].elements, updates.tensors[index].elements).map { $0 * scale + $1 }
        }
    }

    /// The share of images whose largest output is the right one.
    func accuracy(_ images: DigitImages) -> Double {
        let logits = forward(images).logits
        let right = (0..<images.count).count { row in
            let outputs = logits[row * DigitsNetwork.classCount..<(row + 1) * DigitsNetwork.classCount]
            return outputs.max() == outputs[outputs.startIndex + images.labels[row]]
        }
        return Double(right) / Double(images.count)
    }

    private func forward(_ images: DigitImages) -> (hidden: [Float], logits: [Float]) {
        let (m, h, c) = (images.count, DigitsNetwork.hiddenCount, DigitsNetwork.classCount)
        var hidden = product(images.pixels, weights[0].elements, m, h, DigitImages.pixelCount)
        for index in hidden.indices { hidden[index] = max(hidden[index] + weights[1].elements[index % h], 0) }
        var logits = product(hidden, weights[2].elements, m, c, h)
        for index in logits.indices { logits[index] += weights[3].elements[index % c] }
        return (hidden, logits)
    }

    private func columnSums(_ matrix: [Float], _ columns: Int) -> [Float] {
        var sums = [Float](repeating: 0, count: columns)
        for index in matrix.indices { sums[index % columns] += matrix[index] }
        return sums
    }

    /// op(A)·op(B), m×n, with k terms to each element.
    private func product(
        _ a: [Float], _ b: [Float], _ m: Int, _ n: Int, _ k: Int, transposeA: Bool = false, transposeB: Bool = false
    ) -> [Float] {
        var c = [Float](repeating: 0, count: m * n)
        Float.gemm(
            transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: 1, a, stride: transposeA ? m : k, b,
            stride: transposeB ? k : n, beta: 0, &c, stride: n)
        return c
    }
}
