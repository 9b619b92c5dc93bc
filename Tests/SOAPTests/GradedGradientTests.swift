import Foundation
import LinearAlgebra
import SOAP
import Testing

/// Gradients whose rows differ by orders of magnitude, as those of embeddings and of channels do: the small eigenvalues of their factors
/// are as exact as the large ones, and the bases have to follow them.
@Suite struct GradedGradientTests {
    static let kernels = [ProductKernels.blas, .fastest, .tilesForAll].compactMap { $0 }

    /// The size of each row, by its place from 0 to 1.
    enum Grading: CaseIterable {
        case falling, inTurn

        func size(_ row: Int, of rows: Int) -> Float {
            switch self {
            case .falling: pow(10, -4 * Float(row) / Float(rows))
            case .inTurn: [1, 1e-2, 3e-4, 1e-5][row % 4]
            }
        }
    }

    /// Rows in turn are refreshed every tenth step: at each step Householder's reflections in single precision are off by a tenth as well.
    @Test(arguments: kernels, Grading.allCases)
    func basesTurnInEveryDirectionAtHighest(kernels: ProductKernels, grading: Grading) {
        #expect(medianError(.highest, grading, kernels) < 1e-5)
    }

    @Test(arguments: [MatmulPrecision.high, .medium], Grading.allCases)
    func whereNoTilesAreUsedEveryPrecisionIsSinglePrecision(precision: MatmulPrecision, grading: Grading) {
        #expect(medianError(precision, grading, .blas) == medianError(.highest, grading, .blas))
    }

    /// The median over steps of the error of updates against double precision.
    private func medianError(_ precision: MatmulPrecision, _ grading: Grading, _ kernels: ProductKernels) -> Double {
        let options = SOAPOptions {
            $0.epsilon = 1e-12
            $0.weightDecay = 0
            $0.preconditionFrequency = .every(grading == .inTurn ? 10 : 1)
            $0.fp32MatmulPrecision = precision
            $0.qrFP32MatmulPrecision = precision
        }
        let shape = [32, 32]
        let (single, double) = (SOAPParameter<Float>(shape: shape, options: options), SOAPParameter<Double>(shape: shape, options: options))
        let workspace = Workspace(kernels: kernels)
        var random = TestRandom(state: 11)
        var errors: [Double] = []
        for _ in 0..<120 {
            var gradient: Tensor<Float> = random.tensor(shape)
            for index in gradient.elements.indices { gradient.elements[index] *= grading.size(index / 32, of: 32) }
            let ours = single.step(gradient.elements, options: options, workspace: workspace).update
            let exact = double.step(gradient.elements.map { Double($0) }, options: options, workspace: workspace).update
            errors.append(relativeError(ours.map { Double($0) }, exact))
        }
        return errors.sorted()[errors.count / 2]
    }
}
