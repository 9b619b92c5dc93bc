import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    @Suite struct BigBodyTests {
        @Test(
            .enabled(if: LatherProcess.isNamed, "LATHER_BINARY names no release binary, and a debug build measures nothing"),
            .timeLimit(.minutes(2)))
        func twoHundredMegabytesOfGradientsTakeLittleMoreThanThemselvesAndTheState() throws {
            try TestServer.use { server in
                let connection = try server.connect()
                try connection.makeRun("big", ["optimizer": ["lr": 0.01], "policy": ["durability": "memory"]])
                let one = NamedTensor("", [256, 256], seed: 1).elements
                let gradients = (0..<800).map { NamedTensor("layer.\($0).weight", [256, 256], one) }
                let body = try gradients.encoded()
                let answer = try connection.putStep("big", 1, body)
                #expect(answer.status == 200)
                #expect(answer.body.count > 200_000_000)

                let state = try #require(connection.get("/v1/runs/big").json["state_bytes"]?.numberValue?.integer)
                let bound = Double(state) + 2.2 * Double(body.count) + 128e6
                let afterStep = try server.process.peakByteCount
                let exit = try server.stop(SIGTERM)
                #expect(exit.code == 0)
                func megabytes(_ count: some BinaryInteger) -> String { "\(count / 1_000_000) MB" }
                print(
                    "body \(megabytes(body.count)), state \(megabytes(state)); peak \(megabytes(afterStep)) after the step, "
                        + "\(megabytes(exit.peakByteCount)) after the checkpoint; bound \(megabytes(Int(bound)))")
                #expect(Double(afterStep) < bound)
                #expect(Double(exit.peakByteCount) < bound)
            }
        }
    }
}
