import StrictJSON
import Testing

extension EndToEnd {
    /// The recorded trajectories, through manifest, socket and safetensors.
    @Suite struct GoldenTests {
        @Test func theRecordedTrajectoriesAreThere() {
            #expect(GoldenCase.names.count >= 36)
        }

        @Test(.timeLimit(.minutes(1)), arguments: GoldenCase.names)
        func everyComparedUpdateIsTheRecordedOne(name: String) throws {
            let golden = try GoldenCase(named: name)
            try TestServer.use { server in
                let connection = try server.connect()
                try connection.makeRun("golden", ["optimizer": golden.optimizer, "policy": ["durability": "memory"]])
                var weights = try golden.elements("param")
                if golden.optimizer["weight_decay_method"] == "l2" {
                    let first = try connection.putStep("golden", 1, gradient(1, of: golden))
                    #expect(first.status == 409 && first.problem == "weights-required")
                    let hosted = try [NamedTensor("w", golden.shape, weights)].encoded()
                    #expect(try connection.request("PUT", "/v1/runs/golden/weights", body: hosted).status < 300)
                }
                var compared = 0
                for step in 1...golden.stepCount {
                    let query = golden.learningRates.map { "?lr=\($0[step - 1].literal)" } ?? ""
                    let updates = try Updates(connection.putStep("golden", step, gradient(step, of: golden), query: query))
                    let update = try #require(updates.tensors.first { $0.name == "w" && $0.shape == golden.shape }).elements
                    let decay = updates.weightScale(of: "w") - 1
                    let whole = zip(weights, update).map { Double($0) * decay + Double($1) }
                    let recorded = try golden.elements("update.\(step)")
                    if golden.comparedSteps.contains(step) {
                        compared += 1
                        let error = relativeError(whole, recorded)
                        #expect(error <= max(3 * golden.referenceErrors[step - 1], 2e-5), "step \(step)")
                    }
                    weights = zip(weights, recorded).map(+)
                }
                #expect(compared == golden.comparedSteps.count && compared > 0)
            }
        }

        private func gradient(_ step: Int, of golden: GoldenCase) throws -> [UInt8] {
            try [NamedTensor("w", golden.shape, golden.elements("grad.\(step)"))].encoded()
        }

        /// ‖actual − expected‖ / ‖expected‖
        private func relativeError(_ actual: [Double], _ expected: [Float]) -> Double {
            var (difference, norm) = (0.0, 0.0)
            for (a, e) in zip(actual, expected) {
                difference += (a - Double(e)) * (a - Double(e))
                norm += Double(e) * Double(e)
            }
            return (difference / norm).squareRoot()
        }
    }
}
