import LinearAlgebra
import StrictJSON
import Testing

extension EndToEnd {
    /// The recorded trajectories, through manifest, socket and safetensors.
    @Suite struct GoldenTests {
        @Test func theRecordedTrajectoriesAreThere() {
            #expect(GoldenCase.names.count >= 36)
        }

        @Test(.timeLimit(.minutes(1)), arguments: GoldenCase.names)
        func everyComparedUpdateAndTheFinalStateAreThoseRecorded(name: String) throws {
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
                if name != "nesterov" { try compareState(StateTensors(of: "golden", over: connection), with: golden) }
            }
        }

        /// Relative errors of factors, bases (columns up to their sign) and moments, the first one rotated back.
        private func compareState(_ state: StateTensors, with golden: GoldenCase) throws {
            let slack = golden.optimizer["use_kl_shampoo"]?.boolValue == true ? 10.0 : 1
            #expect(Set(state.names) == golden.stateNames)
            for (dimension, size) in golden.shape.enumerated() where state.names.contains("factor.\(dimension)") {
                let factor = try golden.elements("factor.\(dimension)")
                #expect(relativeError(try state["factor.\(dimension)"], factor) <= 1e-5 * slack)
                let (basis, recorded) = (try state["basis.\(dimension)"], try golden.elements("basis.\(dimension)"))
                for j in 0..<size {
                    let ours = (0..<size).map { basis[$0 * size + j] }
                    let theirs = (0..<size).map { recorded[$0 * size + j] }
                    let error = min(relativeError(ours, theirs), relativeError(ours.map(-), theirs))
                    #expect(error <= 1e-3 * slack, "basis \(dimension), column \(j)")
                }
            }
            let momentum = try rotatedBack(state["exp_avg"], shape: golden.shape) { state.basis($0) }
            let recorded = try rotatedBack(golden.elements("exp_avg"), shape: golden.shape) {
                golden.stateNames.contains("basis.\($0)") ? try golden.elements("basis.\($0)") : nil
            }
            #expect(relativeError(momentum, recorded) <= 1e-4 * slack)
            #expect(relativeError(try state["exp_avg_sq"], try golden.elements("exp_avg_sq")) <= 1e-4 * slack)
        }

        /// A tensor multiplied along each dimension by its basis, where there is one.
        private func rotatedBack(_ tensor: [Float], shape: [Int], basis: (Int) throws -> [Float]?) rethrows -> [Float] {
            var current = tensor
            for (dimension, mode) in Mode.all(of: shape).enumerated() {
                guard let basis = try basis(dimension) else { continue }
                var next = current
                Float.multiply(current, along: mode, by: basis, back: true, into: &next)
                current = next
            }
            return current
        }

        private func gradient(_ step: Int, of golden: GoldenCase) throws -> [UInt8] {
            try [NamedTensor("w", golden.shape, golden.elements("grad.\(step)"))].encoded()
        }

        /// ‖actual − expected‖ / ‖expected‖
        private func relativeError(_ actual: [some BinaryFloatingPoint], _ expected: [Float]) -> Double {
            var (difference, norm) = (0.0, 0.0)
            for (a, e) in zip(actual, expected) {
                difference += (Double(a) - Double(e)) * (Double(a) - Double(e))
                norm += Double(e) * Double(e)
            }
            return (difference / norm).squareRoot()
        }
    }
}
