import Foundation
import Memory
import Safetensors
import Testing

@testable import Training

/// A run that is moved from `emerging_optimizers` continues exactly: files made in float64 (Fixtures/make_moved_runs.py) say how.
struct MovedRunTests {
    private static func fixture(_ name: String) throws -> AlignedBuffer {
        let url = Bundle.module.url(forResource: name, withExtension: "safetensors", subdirectory: "Fixtures")
        return buffer(Array(try Data(contentsOf: #require(url))))
    }

    @Test(arguments: ["frequency", "kl_shampoo", "warmup"])
    func itContinuesExactly(_ name: String) async throws {
        let trajectory = try MovedRunTests.fixture("\(name).steps")
        let file = try SafetensorsFile(trajectory.bytes)
        let run = try await House().make("run", #"{"optimizer": \#(#require(file.metadata("optimizer")))}"#)
        try await run.importState(MovedRunTests.fixture("\(name).state"), epoch: nil)
        let steps = try #require(file.metadata("first").flatMap { Int($0) })...#require(file.metadata("last").flatMap { Int($0) })
        #expect(run.status.step == steps.lowerBound - 1)
        for k in steps {
            let names: [TensorName] = ["layer.Q.0", "bias"]
            let gradients = try names.map { name in
                let tensor = try #require(file[TensorName(stringLiteral: "gradient.\(k).\(name)")])
                return Sent(name, tensor.shape, .f32, bytes: Array(tensor.bytes))
            }
            let answer = try await Answered(run.put(k, gradients))
            for name in names {
                let update = try #require(file[TensorName(stringLiteral: "update.\(k).\(name)")])
                let expected = elements(update.bytes, as: Double.self)
                let error = zip(answer.floats(name), expected).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
                let norm = expected.reduce(0) { $0 + $1 * $1 }
                #expect((error / norm).squareRoot() <= 2e-5, "\(name), step \(k)")
            }
        }
        withExtendedLifetime(trajectory) {}
    }
}
