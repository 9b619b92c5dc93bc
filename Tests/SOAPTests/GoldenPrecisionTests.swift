import LinearAlgebra
import SOAP
import Testing

/// The recorded trajectories at precision `high`: in single precision, and on tiles wherever the machine has them, because the
/// cases are so small that single precision is faster.
@Suite struct GoldenPrecisionTests {
    static let paths = [ProductKernels.blas, .upTo(.avx2), .upTo(.avx512), .tilesForAll].compactMap { $0 }

    /// How many of the first steps count: rounding, which a trajectory amplifies, is felt later on.
    private static let comparedSteps = 20

    @Test(arguments: GoldenCase.names, paths)
    func atHighTheFirstStepsAreCloseToFloat64(name: String, kernels: ProductKernels) throws {
        let golden = try GoldenCase(named: name)
        var errors: [Double] = []
        try golden.run(as: Float.self, precision: .high, workspace: Workspace(kernels: kernels)) { step, error in
            if step <= GoldenPrecisionTests.comparedSteps { errors.append(error) }
        }
        let worst = errors.max() ?? 0
        let median = errors.sorted()[errors.count / 2]
        let steady = golden.referenceError.prefix(errors.count).allSatisfy { $0 < 1e-5 }
        if steady {
            #expect(worst <= 5e-4)
        } else if !golden.options.useKLShampoo {
            // KL-Shampoo divides by the small eigenvalues of its first factors, which amplifies any error.
            #expect(median <= 3e-4)
        }
    }
}
