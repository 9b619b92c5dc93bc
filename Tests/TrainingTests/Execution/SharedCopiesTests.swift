import Memory
import Safetensors
import Testing

@testable import Training

struct SharedCopiesTests {
    private func bytes(_ buffer: AlignedBuffer) -> [UInt8] { Array(buffer.bytes) }

    @Test func readersOfOneMomentShareACopyThatNoLaterStepChanges() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await run.hostWeights(body([.gradient("w", [5, 4], 9)]), epoch: nil)
        try await run.put(1, [.gradient("w", [5, 4], 1)])

        let weights = try await run.weights()
        let moment = try await run.stateTensor("exp_avg", of: "w").values
        #expect(try await run.weights() === weights)
        #expect(try await run.stateTensor("exp_avg", of: "w").values === moment)
        #expect(try await run.stateTensor("exp_avg_sq", of: "w").values !== moment)
        let before = (bytes(weights), bytes(moment))

        try await run.put(2, [.gradient("w", [5, 4], 2)])
        #expect(try await bytes(run.weights()) != before.0)
        #expect(try await bytes(run.stateTensor("exp_avg", of: "w").values) != before.1)
        #expect(bytes(weights) == before.0 && bytes(moment) == before.1)
        try await run.hostWeights(body([.gradient("w", [5, 4], 9)]), epoch: nil)
        #expect(try await Answered(run.weights()).floats("w") == noise(20, 9))
    }

    @Test func nobodyKeepsACopyThatNobodyReads() {
        var copies = SharedCopies()
        weak var released: AlignedBuffer?
        do {
            let buffer = copies.copy(.weights) { AlignedBuffer(count: 8) }
            released = buffer
            #expect(copies.copy(.weights) { AlignedBuffer(count: 8) } === buffer)
        }
        #expect(released == nil)
    }
}
