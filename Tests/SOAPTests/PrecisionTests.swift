import LinearAlgebra
import SOAP
import Testing

/// Which products each of the two options is about, seen by whether their bits differ from those of single precision.
@Suite(.enabled(if: ProductKernels.tilesForAll != nil, "this machine has no kernels for less than single precision"))
struct PrecisionTests {
    /// What a parameter is after some steps, the first of which makes the bases, in double precision at every precision.
    private struct Outcome: Equatable {
        let update, factor, basis: [Float]
    }

    private func outcome(_ precision: MatmulPrecision, _ qrPrecision: MatmulPrecision, steps: Int = 2, frequency: Int = 1) throws -> Outcome
    {
        try outcome(steps: steps) {
            $0.fp32MatmulPrecision = precision
            $0.qrFP32MatmulPrecision = qrPrecision
            $0.preconditionFrequency = .every(frequency)
        }
    }

    private func outcome(steps: Int, _ change: (inout SOAPOptions) -> Void) throws -> Outcome {
        let options = SOAPOptions(change)
        let parameter = SOAPParameter<Float>(shape: [24, 20], options: options)
        let workspace = Workspace(kernels: try #require(.tilesForAll))
        var random = TestRandom(state: 5)
        var update: [Float] = []
        for _ in 0..<steps {
            update = parameter.step(random.tensor([24, 20]).elements, options: options, workspace: workspace).update
        }
        return Outcome(update: update, factor: parameter.elements(.factor(0)), basis: parameter.elements(.basis(0)))
    }

    @Test func theFirstBasesAreOfDoublePrecisionAtEveryPrecision() throws {
        #expect(try outcome(.medium, .medium, steps: 1) == outcome(.highest, .highest, steps: 1))
    }

    @Test(arguments: [MatmulPrecision.high, .medium])
    func thePrecisionOfAStepIsThatOfFactorsAndProjections(precision: MatmulPrecision) throws {
        let exact = try outcome(.highest, .highest, frequency: 10)
        let result = try outcome(precision, .highest, frequency: 10)
        #expect(result.factor != exact.factor && result.update != exact.update && result.basis == exact.basis)
        #expect(relativeError(result.factor, exact.factor) < (precision == .high ? 1e-5 : 1e-2))
    }

    @Test(arguments: [MatmulPrecision.high, .medium])
    func thePrecisionOfARefreshIsThatOfItsProductsAlone(precision: MatmulPrecision) throws {
        #expect(try outcome(.highest, precision, frequency: 10) == outcome(.highest, .highest, frequency: 10))
        let exact = try outcome(.highest, .highest)
        let result = try outcome(.highest, precision)
        #expect(result.factor == exact.factor && result.basis != exact.basis)
    }

    @Test func theFactorsOfKLShampooAreOfSinglePrecisionAtEveryPrecision() throws {
        let results = try [MatmulPrecision.highest, .medium].map { precision in
            try outcome(steps: 2) {
                $0.useKLShampoo = true
                $0.epsilon = 1e-3
                $0.fp32MatmulPrecision = precision
                $0.qrFP32MatmulPrecision = precision
            }
        }
        #expect(results[0].factor == results[1].factor && results[0].update != results[1].update)
    }
}
