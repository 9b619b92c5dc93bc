import StrictJSON
import Testing

extension EndToEnd {
    /// What the README recommends for small networks keeps losses down; with the default options half of them spike, see
    /// Docs/stability.md.
    @Suite struct StabilityTests {
        private static let seeds = 0..<12
        private static let stepCount = 150

        @Test(.timeLimit(.minutes(2)))
        func withTheRecommendedOptionsNoLossPassesTen() throws {
            let optimizer: JSONValue = ["lr": 0.003, "precondition_frequency": 10]
            let images = try DigitImages()
            try TestServer.use { server in
                let connection = try server.connect()
                for seed in StabilityTests.seeds {
                    let run = "seed-\(seed)"
                    try connection.makeRun(run, ["optimizer": optimizer, "policy": ["durability": "memory"]])
                    var network = DigitsNetwork(seed: UInt64(seed) * 100)
                    var highest = 0.0
                    for step in 1...StabilityTests.stepCount {
                        let (loss, gradients) = network.lossAndGradients(images.batch(step, seed: UInt64(seed)))
                        highest = loss.isNaN ? .infinity : max(highest, loss)
                        network.apply(try connection.step(run, step, gradients))
                    }
                    #expect(highest <= 10, "seed \(seed)")
                }
            }
        }
    }
}
