import GRDB
import Safetensors
import Testing

@testable import Storage
@testable import Training

/// Checkpoints as files, whole and in parts, from tensors that lie in several rows.
struct DownloadTests {
    private static let manifest = #"{"optimizer": {"lr": 0.01}}"#
    private static let partSize = 20

    private func gradient(_ seed: Int) -> [Sent] { [.gradient("w", [4, 3], seed)] }

    private func withCheckpoint(_ use: (House, Run) async throws -> Void) async throws {
        let house = try await House(partSize: DownloadTests.partSize)
        let run = try await house.make("run", DownloadTests.manifest)
        try await run.hostWeights(body(gradient(5)), epoch: nil)
        try await run.put(1, gradient(1))
        try await run.makeCheckpoint()
        try await use(house, run)
    }

    private func file(of run: Run, _ range: Range<Int>) async throws -> [UInt8] {
        let download = try await run.download(checkpointAt: 1)
        download.select(range)
        return try await download.whole()
    }

    @Test func aCheckpointDownloadsAsOneFile() async throws {
        try await withCheckpoint { _, run in
            let snapshot = try await run.snapshot()
            let download = try await run.download(checkpointAt: 1)
            let whole = try await download.whole()
            #expect(whole.count == download.byteCount)
            let file = try Answered(buffer(whole))
            #expect(file.names == ["w.exp_avg", "w.exp_avg_sq", "w.factor.0", "w.factor.1", "w.basis.0", "w.basis.1", "w.weight"])
            #expect(file.bytes("w.exp_avg") == snapshot.tensors["w exp_avg"])
            #expect(file.bytes("w.basis.1") == snapshot.tensors["w basis.1"])
            #expect(file.bytes("w.weight") == snapshot.tensors["w weights"])
        }
    }

    @Test func anyRangeIsThoseBytesOfTheFile() async throws {
        try await withCheckpoint { _, run in
            let whole = try await run.downloaded(1)
            let start = whole.count - 4 * (12 + 12 + 16 + 9 + 16 + 9 + 12)
            // Around the ends of the header, of tensors and of their parts.
            let edges = [0, 1, start - 1, start, start + 1, start + 20, start + 47, start + 48, start + 49, start + 100, whole.count - 1]
            for lower in edges {
                for upper in edges + [whole.count] where upper > lower {
                    #expect(try await file(of: run, lower..<upper) == Array(whole[lower..<upper]), "\(lower)..<\(upper)")
                }
            }
            #expect(try await file(of: run, 7..<7) == [])
        }
    }

    /// The digest follows the bytes, and nothing else.
    @Test func theDigestIsThatOfTheBytes() async throws {
        try await withCheckpoint { _, run in
            let first = try await run.download(checkpointAt: 1)
            try await run.makeCheckpoint(label: "again")
            let again = try await run.download(checkpointAt: 1)
            #expect(try await first.whole() == again.whole())
            #expect(first.digest == again.digest)
            try await run.put(2, gradient(2))
            try await run.makeCheckpoint()
            #expect(try await run.download(checkpointAt: 2).digest != first.digest)
        }
    }

    @Test func aDamagedTensorEndsADownloadAndSparesTheOthers() async throws {
        try await withCheckpoint { house, run in
            let whole = try await run.downloaded(1)
            let start = whole.count - 4 * (12 + 12 + 16 + 9 + 16 + 9 + 12)
            try house.store.write {
                try $0.execute(
                    sql: """
                        UPDATE tensor_part SET bytes = zeroblob(length(bytes))
                        WHERE ordinal = 2 AND tensor = (SELECT id FROM tensor WHERE name = 'w.exp_avg_sq')
                        """)
            }
            let tensor = start + 48..<start + 96
            // Also a range before the damaged part: the tensor as a whole is what can be checked.
            for range in [0..<whole.count, tensor, tensor.lowerBound..<tensor.lowerBound + 1, start + 40..<start + 50] {
                await expectRefusal(.storageDamaged) { _ = try await file(of: run, range) }
            }
            for range in [0..<tensor.lowerBound, tensor.upperBound..<whole.count] {
                #expect(try await file(of: run, range) == Array(whole[range]))
            }
        }
    }
}
