import Foundation
import Memory
import Safetensors
import Storage
import StrictJSON
import Testing

@testable import Training

/// Bits that change on the disk: what comes back is right to the last bit, or the one run says that it is damaged.
///
/// One test at a time: each writes a megabyte for each bit.
@Suite(.serialized) struct DamageTests {
    /// How many bytes of a row are flipped; more than it has flips each.
    private static let flipCount = Int(ProcessInfo.processInfo.environment["LATHER_TEST_FLIPS"] ?? "") ?? 64

    /// Three runs that stand at step 5, with two checkpoints each and log after them, in a file to be damaged.
    private struct Victim {
        static let names = ["before", "hurt", "behind"]
        let house: House
        let snapshots: [String: Run.Snapshot]
        let file: DatabaseBytes
        let wal: DatabaseBytes?
        private let acknowledged: AcknowledgedBytes

        init(inWAL: Bool = false, checkpointsAt: [Int] = [2, 3]) async throws {
            house = try await House()
            for name in Victim.names {
                try await house.make(name, #"{"optimizer": {"lr": 0.01, "precondition_frequency": 2}}"#)
            }
            // The last record of all is one of the run to be hurt: a WAL is lost from the damage on.
            for name in ["before", "behind", "hurt"] {
                let run = try house.run(name)
                for k in 1...5 {
                    try await run.put(k, Victim.gradients(name, k)) { if k == 4 { $0.maxGradNorm = 0.5 } }
                    if checkpointsAt.contains(k) { try await run.makeCheckpoint() }
                }
            }
            snapshots = try await Victim.snapshots(house)
            if !inWAL { try house.store.close() }
            acknowledged = try AcknowledgedBytes(of: house.database)
            file = try DatabaseBytes(path: house.database)
            wal = inWAL ? try DatabaseBytes(path: house.database + "-wal", isWAL: true) : nil
        }

        /// Starts on other bytes.
        func start(file: DatabaseBytes? = nil, wal: DatabaseBytes? = nil) async throws {
            _ = await house.runs.finish()
            try house.store.close()
            try await house.crash { database in
                try (file ?? self.file).write(to: database)
                let side = database + "-wal"
                if let wal = wal ?? self.wal { try wal.write(to: side) } else { unlink(side) }
                try acknowledged.write(for: database)
            }
        }

        /// What is wrong with a run that is served; nil when it stands where it stood. A damaged run throws.
        func differs(_ name: String) async throws -> Bool {
            try await Victim.snapshot(house.run(name)) != snapshots[name]
        }

        private static func snapshots(_ house: House) async throws -> [String: Run.Snapshot] {
            var snapshots: [String: Run.Snapshot] = [:]
            for name in names { snapshots[name] = try await snapshot(house.run(name)) }
            return snapshots
        }

        private static func snapshot(_ run: Run) async throws -> Run.Snapshot {
            var snapshot = try await run.snapshot()
            (snapshot.logEntries, snapshot.reserved) = (0, 0)
            return snapshot
        }

        private static func gradients(_ name: String, _ k: Int) -> [Sent] {
            let seed = 10 * name.utf8.count + k
            return [.gradient("w", [6, 5], seed), .gradient("b", [5], seed)]
        }

        /// What tells the last record of the run to be hurt from all others: part of its row, or its body.
        static func lastRecord(_ part: String) throws -> [UInt8] {
            let buffer = try body(gradients("hurt", 5))
            return withExtendedLifetime(buffer) { part == "row" ? sha256($0.bytes) : Array($0.bytes) }
        }

        /// What tells a row of the newest checkpoint of the run to be hurt from all others.
        func newestCheckpoint(_ part: String) throws -> [UInt8] {
            let store = try Store(inspecting: house.database)
            let run = try #require(try store.run(named: "hurt"))
            let checkpoint = try #require(try store.checkpoints(of: run.id).last)
            let tensor = try #require(try store.tensors(of: checkpoint.id).first)
            switch part {
            case "header": return checkpoint.digest
            case "tensor": return tensor.sha256
            default:
                let buffer = try store.readPart(0, of: tensor).bytes
                return withExtendedLifetime(buffer) { Array($0.bytes) }
            }
        }
    }

    /// What came of a start on a damaged file.
    private enum Outcome: Hashable {
        case right, damaged
    }

    /// Flips a bit in each of these places, one after the other, and starts.
    ///
    /// - Parameter alone: whether the other runs are right each time.
    /// - Returns: how often the hurt run was right and how often it was refused.
    private func flip(_ places: [Int], of victim: Victim, inWAL: Bool = false, alone: Bool = true) async throws -> [Outcome: Int] {
        var outcomes: [Outcome: Int] = [:]
        for place in places {
            let mask = UInt8(1) << UInt8(place % 8)
            do {
                if inWAL {
                    try await victim.start(wal: victim.wal?.flipped(place, by: mask))
                } else {
                    try await victim.start(file: victim.file.flipped(place, by: mask))
                }
            } catch {
                Issue.record("byte \(place): \(error)")
                continue
            }
            for name in Victim.names {
                do {
                    #expect(try await !victim.differs(name), "byte \(place), \(name)")
                    if name == "hurt" { outcomes[.right, default: 0] += 1 }
                } catch let error as TrainingError {
                    #expect(error.code == .runDamaged && (name == "hurt" || !alone), "byte \(place), \(name): \(error.detail)")
                    if name == "hurt" { outcomes[.damaged, default: 0] += 1 }
                }
            }
        }
        return outcomes
    }

    /// Places to flip, evenly spread.
    private static func sample(_ region: Range<Int>, _ count: Int = flipCount) -> [Int] {
        let count = min(count, region.count)
        return (0..<count).map { region.lowerBound + $0 * region.count / count }
    }

    @Test(arguments: ["row", "body"])
    func aFlippedBitInTheLastRecordIsFoundOrDoesNotMatter(part: String) async throws {
        let victim = try await Victim()
        let row = try victim.file.row(holding: Victim.lastRecord(part))
        let outcomes = try await flip(DamageTests.sample(#require(row).all), of: victim)
        #expect(outcomes[.damaged, default: 0] > 0)
    }

    /// SQLite leaves out all of a WAL from the first frame on whose checksum is wrong, as if it had never been written.
    @Test(arguments: ["row", "body"])
    func aFlippedBitInTheLastRecordIsFoundInTheWALToo(part: String) async throws {
        let victim = try await Victim(inWAL: true)
        let row = try victim.wal?.row(holding: Victim.lastRecord(part))
        let outcomes = try await flip(DamageTests.sample(#require(row).all), of: victim, inWAL: true)
        #expect(outcomes[.damaged, default: 0] > 0)
    }

    /// The log makes up for it, from the checkpoint before or from the beginning.
    @Test(arguments: ["header", "tensor", "part"], [[2, 3], [3]])
    func aFlippedBitInTheNewestCheckpointChangesNothing(part: String, checkpoints: [Int]) async throws {
        let victim = try await Victim(checkpointsAt: checkpoints)
        let row = try victim.file.row(holding: victim.newestCheckpoint(part))
        let outcomes = try await flip(DamageTests.sample(#require(row).values, DamageTests.flipCount / 4), of: victim)
        #expect(outcomes[.damaged] == nil)
        #expect(victim.house.log.lines.contains { $0.hasPrefix("error checkpoint damaged") && $0.contains("hurt") })
    }

    /// Such a row SQLite itself cannot read, nor change; it may be in the way of its neighbours, too.
    @Test func aCheckpointWhoseRowIsNoneAnyMoreIsNeverTakenForAnother() async throws {
        let victim = try await Victim()
        let row = try #require(try victim.file.row(holding: victim.newestCheckpoint("header")))
        _ = try await flip(DamageTests.sample(row.all.lowerBound..<row.values.lowerBound), of: victim, alone: false)
    }

    @Test func aFileThatWasCutOffIsNotTakenForWhole() async throws {
        let victim = try await Victim()
        for sixteenth in 1..<16 {
            var file = victim.file
            file.bytes.removeLast(file.bytes.count * sixteenth / 16)
            do {
                try await victim.start(file: file)
            } catch {
                #expect(error is StorageError)
                continue
            }
            for name in Victim.names {
                do {
                    #expect(try await !victim.differs(name), "\(sixteenth)/16 off, \(name)")
                } catch let error as TrainingError {
                    #expect(error.code == .runDamaged, "\(sixteenth)/16 off, \(name)")
                }
            }
        }
    }
}
