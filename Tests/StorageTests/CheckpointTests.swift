import GRDB
import Memory
import Testing

@testable import Storage

@Suite struct CheckpointTests {
    let workspace = try! Workspace()

    @Test func everyTensorComesBackWholeAndInParts() throws {
        let store = try workspace.open(partSize: 100_000)
        let run = try store.createRun(name: "a", manifest: "{}")
        let sizes = [0, 1, 99_999, 100_000, 100_001, CheckpointWriter.smallTensor - 1, CheckpointWriter.smallTensor, 700_001]
        let header = CheckpointHeader(step: 5, epoch: 1, sequence: 0, label: "l", metadata: "{\"x\":[]}")
        let writer = try store.beginCheckpoint(of: run.id, header)
        for (index, size) in sizes.enumerated() {
            try noise(size, seed: UInt64(index)).withUnsafeBytes {
                try writer.append(kind: index % 2 == 0 ? .state : .answer, name: "t\(index)", dtype: "U8", shape: [size, 1], bytes: $0)
            }
        }
        #expect(try store.checkpoints(of: run.id).isEmpty)
        let record = try writer.finish(keeping: 1)
        #expect(record.header == header && record.byteCount == sizes.reduce(0, +) && record.duration > 0)
        #expect(try store.checkpoints(of: run.id) == [record])

        let tensors = try store.tensors(of: record.id)
        #expect(tensors.map(\.name) == sizes.indices.map { "t\($0)" } && tensors.map(\.ordinal) == Array(sizes.indices))
        for (index, tensor) in tensors.enumerated() {
            let bytes = noise(sizes[index], seed: UInt64(index))
            #expect(tensor.kind == (index % 2 == 0 ? .state : .answer) && tensor.shape == [sizes[index], 1] && tensor.dtype == "U8")
            #expect(try store.bytes(of: tensor) == bytes)
            #expect(try (0..<tensor.partCount).flatMap { copy(try store.readPart($0, of: tensor).bytes) } == bytes)
            #expect(try (0..<tensor.partCount).flatMap { try copyInPieces($0, of: tensor, store) } == bytes)
        }
    }

    /// A part by a read of at most 30,000 bytes after the other.
    private func copyInPieces(_ index: Int, of tensor: CheckpointTensor, _ store: Store) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try store.readPart(index, of: tensor, from: bytes.count, upTo: 30_000)
            #expect(piece.bytes.count <= 30_000)
            bytes += copy(piece.bytes)
            if piece.isLast { return bytes }
        }
    }

    @Test func aScalarHasTheEmptyShape() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 0, epoch: 0, sequence: 0, metadata: ""))
        try [UInt8](repeating: 0, count: 4).withUnsafeBytes {
            try writer.append(kind: .weights, name: "s", dtype: "F32", shape: [], bytes: $0)
        }
        #expect(try store.tensors(of: writer.finish(keeping: 1).id)[0].shape == [])
    }

    @Test func thousandsOfSmallTensorsShareTransactions() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let names = (0..<1300).map { "t\($0)" }
        let record = try store.checkpoint(run, step: 1, tensors: Dictionary(uniqueKeysWithValues: names.map { ($0, Array($0.utf8)) }))
        let tensors = try store.tensors(of: record.id)
        #expect(tensors.map(\.name) == names.sorted())
        for tensor in tensors { #expect(try store.bytes(of: tensor) == Array(tensor.name.utf8)) }
    }

    @Test func stepsAreStoredBetweenTheTensorsOfACheckpoint() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 1, epoch: 0, sequence: 1, metadata: "{}"))
        try writer.append("a", noise(300_000))
        try store.append([2], step: 2, to: run)
        try writer.append("b", noise(300_000, seed: 2))
        let record = try writer.finish(keeping: 1)
        #expect(try store.log(of: run).map(\.1) == [[2]])
        #expect(try store.tensors(of: record.id).map { try store.bytes(of: $0) } == [noise(300_000), noise(300_000, seed: 2)])
    }

    /// Labels of the checkpoints made at steps 1, 2, …; how many are kept; the steps that remain.
    static let pruning: [([String?], Int, [Int])] = [
        ([nil, nil, nil, nil], 3, [2, 3, 4]),
        ([nil, nil, nil], 1, [3]),
        ([nil, nil, nil], 0, [3]),
        (["x", nil, nil, nil], 2, [1, 3, 4]),
        (["x", "y", "z"], 1, [1, 2, 3]),
        ([nil, nil, "z"], 1, [2, 3]),
    ]

    @Test(arguments: pruning.indices)
    func theOldestUnlabelledCheckpointsGo(index: Int) throws {
        let (labels, kept, steps) = CheckpointTests.pruning[index]
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for (step, label) in labels.enumerated() { try store.checkpoint(run, step: step + 1, label: label, keeping: kept) }
        #expect(try store.checkpoints(of: run.id).map(\.header.step) == steps)
        #expect(try store.rowCounts()["tensor_part"] == steps.count)
    }

    @Test func aPrunedCheckpointCanBeReadToItsEndByWhoKeepsIt() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let first = try store.checkpoint(run, step: 1, tensors: ["w": [1, 2, 3]])
        let tensors = try store.tensors(of: first.id)
        try withExtendedLifetime(store.keep(first.id)) {
            for step in 2...3 { try store.checkpoint(run, step: step, keeping: 1) }
            #expect(try store.checkpoints(of: run.id).map(\.header.step) == [3])
            #expect(try tensors.map { try store.bytes(of: $0) } == [[1, 2, 3]])
        }
        try store.checkpoint(run, step: 4, keeping: 1)
        #expect(try store.rowCounts()["checkpoint"] == 1)
    }

    @Test func oneCheckpointAStepAndEpochIsShownAndALabelIsKept() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.checkpoint(run, step: 1, label: "best")
        try store.checkpoint(run, step: 1, epoch: 1)
        let again = try store.checkpoint(run, step: 1, tensors: ["new": [1]])
        #expect(again.header.label == "best")
        #expect(try store.checkpoints(of: run.id).map(\.header.epoch) == [1, 0])
        #expect(try store.tensors(of: again.id).map(\.name) == ["new"])
    }

    @Test func anAbandonedCheckpointLeavesNothingAndPrunesNothing() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1], step: 1, to: run)
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 1, epoch: 0, sequence: 1, metadata: "{}"))
        try writer.append("a", noise(300_000))
        try writer.abandon()
        let counts = try store.rowCounts()
        #expect(counts["checkpoint"] == 0 && counts["tensor"] == 0 && counts["tensor_part"] == 0 && counts["log_entry"] == 1)
    }

    @Test func abandoningAFinishedCheckpointDoesNothing() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 1, epoch: 0, sequence: 0, metadata: "{}"))
        _ = try writer.finish(keeping: 1)
        try writer.abandon()
        #expect(try store.checkpoints(of: run.id).count == 1)
    }

    @Test func aCheckpointCannotContainWhatIsNotInTheLog() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        #expect(failure { try store.checkpoint(run, step: 1, sequence: 1) } == .other)
    }

    @Test func aDeletedCheckpointIsGoneForEveryCall() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let record = try store.checkpoint(run, step: 1)
        let tensor = try store.tensors(of: record.id)[0]
        try store.deleteCheckpoint(record.id)
        #expect(try store.checkpoints(of: run.id).isEmpty)
        let calls: [() throws -> Void] = [
            { try store.deleteCheckpoint(record.id) },
            { _ = try store.tensors(of: record.id) },
            { _ = try store.bytes(of: tensor) },
            { _ = try store.readPart(0, of: tensor) },
        ]
        for call in calls { #expect(failure(call) == .notFound) }
    }

    /// Steps were answered between the moment of a checkpoint and its completion.
    @Test func aMarkThatIsLaterThanTheCheckpointStays() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let cases: [(covered: Int, lineage: CheckpointWriter.Lineage, isAhead: Bool)] = [
            (6, .continued, true), (7, .continued, false), (8, .continued, false), (0, .restored(replacing: nil), false),
        ]
        for (step, (covered, lineage, isAhead)) in cases.enumerated() {
            let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: step, epoch: 0, sequence: 0, metadata: "{}"))
            try store.markAhead(7, of: run.id)
            _ = try writer.finish(keeping: 1, covering: covered, lineage: lineage)
            #expect(try store.run(named: "a")?.isAhead == isAhead, "a checkpoint after mark \(covered)")
        }
    }

    @Test func aRunDeletedInTheMiddleOfATensorEndsItsCheckpoint() throws {
        let store = try workspace.open(partSize: 1 << 20)
        let run = try store.createRun(name: "a", manifest: "{}")
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 0, epoch: 0, sequence: 0, metadata: "{}"))
        try store.write {
            try $0.execute(
                sql: """
                    CREATE TEMP TRIGGER deletion AFTER INSERT ON main.tensor_part WHEN NEW.ordinal = 3
                    BEGIN UPDATE checkpoint SET state = 'dropped'; UPDATE run SET deleted = 1; END
                    """)
        }
        let bytes = [UInt8](repeating: 1, count: CheckpointWriter.transactionBytes + 1)
        #expect(failure { try writer.append("large", bytes) } == .notFound)
        try writer.abandon()
        #expect(try store.rowCounts()["tensor_part"] == 0)
    }
}
