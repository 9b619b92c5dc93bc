import Foundation
import LinearAlgebra
import SOAP
import Testing

@Suite struct GoldenTests {
    @Test(arguments: GoldenCase.names, GoldenPrecisionTests.paths)
    func everyComparedUpdateAndTheFinalStateAreThoseRecorded(name: String, kernels: ProductKernels) throws {
        let golden = try GoldenCase(named: name)
        var compared = 0
        let parameter = try golden.run(as: Float.self, workspace: Workspace(kernels: kernels)) { step, error in
            guard golden.comparedSteps.contains(step) else { return }
            compared += 1
            let tolerance = max(3 * golden.referenceError[step - 1], 2e-5)
            #expect(error <= tolerance, "step \(step)")
        }
        #expect(compared == golden.comparedSteps.count && compared > 0)
        if name != "nesterov" { try compareState(of: parameter, with: golden) }
    }

    @Test(arguments: GoldenCase.names)
    func inDoublePrecisionEveryUpdateIsNearlyExact(name: String) throws {
        let golden = try GoldenCase(named: name)
        _ = try golden.run(as: Double.self) { step, error in
            guard golden.comparedSteps.contains(step) else { return }
            #expect(error <= 2e-5, "step \(step)")
        }
    }

    /// Where the first basis in float32 spoils a run, the one in double precision must show in every step that follows.
    @Test func whereFloat32IsSpoiledByItsFirstStepThisIsFiveTimesMoreExact() throws {
        var ratios: [Double] = []
        for name in GoldenCase.names {
            let golden = try GoldenCase(named: name)
            guard golden.float32Error[0] > 0.1 else { continue }
            _ = try golden.run(as: Float.self) { step, error in ratios.append(error / golden.float32Error[step - 1]) }
        }
        #expect(ratios.count > 100)
        let median = ratios.sorted()[ratios.count / 2]
        print("median error over that of plain float32: \(median) (\(ratios.count) steps)")
        #expect(median <= 0.2)
    }

    /// The final factors, bases and moments: relative errors; columns of bases up to their sign.
    private func compareState(of parameter: SOAPParameter<Float>, with golden: GoldenCase) throws {
        let slack = golden.options.useKLShampoo ? 10.0 : 1
        let expected = golden.tensors.filter { StateKey(name: $0.key) != nil }
        #expect(Set(parameter.stateKeys.map(\.name)) == Set(expected.keys))
        for (dimension, size) in golden.shape.enumerated() {
            guard let factor = expected["factor.\(dimension)"], let recorded = expected["basis.\(dimension)"] else { continue }
            #expect(relativeError(parameter.elements(.factor(dimension)), factor.elements) <= 1e-5 * slack)
            let basis = Tensor(shape: [size, size], elements: parameter.elements(.basis(dimension)))
            var turned = recorded
            for j in 0..<size {
                let agreement = (0..<size).reduce(0) { $0 + basis[$1, j] * recorded[$1, j] }
                if agreement < 0 { for i in 0..<size { turned[i, j] = -recorded[i, j] } }
                let ours = (0..<size).map { basis[$0, j] }
                let theirs = (0..<size).map { turned[$0, j] }
                #expect(relativeError(ours, theirs) <= 1e-3 * slack, "basis \(dimension), column \(j)")
            }
        }
        let momentum = rotatedBack(parameter.elements(.expAvg), shape: golden.shape) { dimension in
            parameter.stateShape(.basis(dimension)).map { Tensor(shape: $0, elements: parameter.elements(.basis(dimension))) }
        }
        let recorded = try #require(expected["exp_avg"])
        let recordedMomentum = rotatedBack(recorded.elements, shape: golden.shape) { expected["basis.\($0)"] }
        #expect(relativeError(momentum, recordedMomentum) <= 1e-4 * slack)
        #expect(relativeError(parameter.elements(.expAvgSq), try #require(expected["exp_avg_sq"]).elements) <= 1e-4 * slack)
    }

    /// A tensor multiplied along each dimension by its basis, where there is one.
    private func rotatedBack(_ elements: [Float], shape: [Int], basis: (Int) -> Tensor<Float>?) -> [Float] {
        var current = elements
        for (dimension, mode) in Mode.all(of: shape).enumerated() {
            guard let basis = basis(dimension) else { continue }
            var next = current
            Float.multiply(current, along: mode, by: basis.elements, back: true, into: &next)
            current = next
        }
        return current
    }
}
