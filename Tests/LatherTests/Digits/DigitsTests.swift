import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// Training as people do it: the network here, the optimizer there, a crash whenever it hurts.
    @Suite struct DigitsTests {
        private static let stepCount = 120

        /// Where the server is killed during a step, seen from the trainer.
        private enum Crash {
            /// The answer is here.
            case afterAnswer
            /// All was sent, nothing has come back: the step may be applied or not.
            case whileWaiting
            /// Half of the body was sent.
            case whileSending
        }

        private let images: DigitImages

        init() throws {
            images = try DigitImages()
        }

        @Test(.timeLimit(.minutes(2)))
        func digitsAreLearntAndCrashesChangeNoBitOfTheResult() throws {
            let undisturbed = try train()
            let held = images.rows(Array(DigitImages.trainingCount..<images.count))
            let accuracy = undisturbed.accuracy(held)
            print("digits: \(accuracy) of \(held.count) held-back images after \(DigitsTests.stepCount) steps")
            #expect(accuracy >= 0.97)

            let disturbed = try train(crashes: [37: .whileSending, 60: .afterAnswer, 83: .whileWaiting])
            #expect(disturbed == undisturbed, "the final weights, bit for bit")
        }

        /// Trains a network from the same beginning, on a server of its own.
        private func train(crashes: [Int: Crash] = [:]) throws -> DigitsNetwork {
            var network = DigitsNetwork(seed: 1)
            try TestServer.use { server in
                var connection = try server.connect()
                try connection.makeRun(
                    "digits",
                    [
                        "optimizer": ["lr": 0.03, "precondition_frequency": 10],
                        "parameters": .array(
                            DigitsNetwork.shapes.map { name, shape in
                                ["name": .string(name), "shape": .array(shape.map { .init($0) })]
                            }),
                    ])
                for step in 1...DigitsTests.stepCount {
                    let body = try network.lossAndGradients(images.batch(step)).gradients.encoded()
                    if let crash = crashes[step] {
                        try self.crash(crash, at: step, body, connection, server)
                        connection = try server.connect()
                    }
                    let answer = try connection.putStep("digits", step, body)
                    if crashes[step] == nil { #expect(answer["Lather-Replayed"] == nil) }
                    network.apply(try Updates(answer))
                }
            }
            return network
        }

        private func crash(
            _ crash: Crash, at step: Int, _ body: [UInt8], _ connection: HTTPConnection, _ server: TestServer
        ) throws {
            switch crash {
            case .afterAnswer:
                let first = try connection.putStep("digits", step, body)
                #expect(first["Lather-Durable-Step"] == String(step))
                try server.crashAndRestart()
                let again = try server.connect().putStep("digits", step, body)
                #expect(again["Lather-Replayed"] == "true")
                #expect(again.status == 200 && again.body == first.body)
                #expect(again["Lather-Epoch"] == first["Lather-Epoch"])
            case .whileWaiting:
                try connection.send("PUT", "/v1/runs/digits/steps/\(step)", body: body)
                try server.crashAndRestart()
            case .whileSending:
                try connection.send("PUT", "/v1/runs/digits/steps/\(step)", body: body, upTo: body.count / 2)
                try server.crashAndRestart()
                #expect(try server.connect().get("/v1/runs/digits").json["step"] == .init(step - 1))
            }
        }
    }
}
