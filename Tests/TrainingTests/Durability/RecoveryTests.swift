import Crypto
import Foundation
import GRDB
import Memory
import SOAP
import Safetensors
import StrictJSON
import Testing

@testable import Storage
@testable import Training

/// Recovery equals never having stopped: the same state, bit for bit, and the same next answers.
struct RecoveryTests {
    private static let courses = [
        Course(testDescription: "run level", manifest: #"{"optimizer": {"lr": 0.01, "precondition_frequency": 2}}"#) { run, k in
            // A subset now and then, a parameter that comes late, options that change.
            var tensors = [Sent.gradient("w", [6, 5], k), .gradient("conv", [3, 2, 2], k)]
            if k % 2 == 0 { tensors.append(.gradient("b", [5], k)) }
            if k > 3 { tensors.append(.gradient("late\u{600}", [4, 4], k)) }
            return try await run.put(k, tensors, metadata: k == 2 ? [("lr", "0.5")] : []) {
                if k == 3 { ($0.gradScale, $0.maxGradNorm, $0.dtype) = (3, 0.5, .bf16) }
            }
        },
        Course(
            testDescription: "groups",
            manifest: #"{"optimizer": {"lr": 0.01}, "groups": {"g": {"match": ["b"], "lr": 0.5, "use_nesterov": true}}}"#
        ) { run, k in
            try await run.put(k, [.gradient("w", [4, 3], k), .gradient("b", [3], k)]) { if k == 2 { $0.groupLearningRates = ["g": 0.25] } }
        },
        Course(
            testDescription: "skipped steps", manifest: #"{"optimizer": {"lr": 0.01}, "policy": {"on_nonfinite": "skip"}}"#
        ) { run, k in
            try await run.put(k, [k % 3 == 0 ? Sent("w", [2, 2], [.nan, 1, 2, 3]) : .gradient("w", [2, 2], k)])
        },
        Course(
            testDescription: "hosted weights", manifest: #"{"optimizer": {"lr": 0.01, "weight_decay_method": "l2"}}"#,
            before: { run, k in
                if k == 1 || k == 4 { try await run.hostWeights(body([.gradient("w", [4, 3], 50 + k)]), epoch: nil) }
            },
            step: { run, k in try await run.put(k, [.gradient("w", [4, 3], k)]) { if k == 2 { $0.returned = .weights } } }),
        Course(
            testDescription: "patches",
            manifest: #"{"optimizer": {"lr": 0.01, "precondition_frequency": 3}, "groups": {"g": {"match": ["b"], "lr": 0.5}}}"#,
            before: { run, k in
                if k == 3 { try await run.patch(#"{"optimizer": {"betas": [0.5, 0.8], "lr": 0.02}, "groups": {"g": {"eps": 1e-3}}}"#) }
                if k == 6 { try await run.patch(#"{"optimizer": {"lr": 0.04, "use_nesterov": true, "precondition_frequency": null}}"#) }
            },
            step: { run, k in try await run.put(k, [.gradient("w", [4, 3], k), .gradient("b", [3], k)]) }),
        Course.parameterLevel,
        Course(
            testDescription: "staggered refresh",
            manifest: #"{"optimizer": {"lr": 0.01, "precondition_frequency": 3, "adam_warmup_steps": 1, "stagger_refresh": true}}"#,
            before: { run, k in if k == 7 { try await run.patch(#"{"optimizer": {"precondition_frequency": [[0, 2]]}}"#) } },
            step: { run, k in
                // One more comes before the crashes and one, which is before the others by its name, after some of them.
                let names: [TensorName] = k < 3 ? ["w", "v"] : k < 6 ? ["w", "v", "u"] : ["w", "v", "u", "a"]
                return try await run.put(k, names.map { .gradient($0, [4, 3], k) })
            }),
        Course(
            testDescription: "KL-Shampoo",
            manifest: #"{"optimizer": {"lr": 0.01, "use_kl_shampoo": true, "eps": 1e-3, "adam_warmup_steps": 2}}"#
        ) { run, k in try await run.put(k, [.gradient("w", [4, 3], k), .gradient("b", [3], k)]) },
    ]

    @Test(arguments: courses, ["crash", "crash after a checkpoint", "clean stop", "both"])
    func aRunThatStoppedGoesOnAsIfItHadNot(_ course: Course, _ how: String) async throws {
        let house = try await House()
        let control = try await House().make("run", course.manifest)
        try await house.make("run", course.manifest)
        for k in 1...8 {
            try await course.before(control, k)
            let expected = try await course.step(control, k)
            let run = try house.run()
            try await course.before(run, k)
            let answer = try await course.step(run, k)
            #expect(answer.content.map { Array($0.bytes) } == expected.content.map { Array($0.bytes) }, "step \(k)")
            #expect(answer.epoch == 0)
            if how == "crash after a checkpoint", k == 4 { try await run.makeCheckpoint() }
            switch (how, k) {
            case ("crash", 5), ("crash after a checkpoint", 6), ("both", 3): try await house.crash()
            case ("clean stop", 5), ("both", 5): try await house.restart()
            default: continue
            }
            var found = try await house.run().snapshot()
            var whole = try await control.snapshot()
            (found.logEntries, whole.logEntries) = (0, 0)
            #expect(found == whole)
            #expect(try house.run().status.step == control.status.step)
        }
        #expect(!house.log.lines.contains { $0.hasPrefix("warning") || $0.hasPrefix("error") }, "\(house.log.lines)")
    }

    @Test func aDamagedRunIsAloneInThat() async throws {
        let house = try await House()
        for name in ["good", "bad"] {
            let run = try await house.make(name, #"{"optimizer": {"lr": 0.01}}"#)
            for k in 1...2 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        }
        try await house.crash { database in
            let queue = try DatabaseQueue(path: database)
            try queue.write { db in
                try db.execute(
                    sql: "UPDATE log_part SET bytes = zeroblob(length(bytes)) WHERE run = (SELECT id FROM run WHERE name = 'bad')")
            }
        }
        let error = await expectRefusal(.runDamaged) { _ = try house.run("bad") }
        #expect(error?.detail.contains("Log entry 1") == true)
        #expect(try house.runs.list().map(\.name.description) == ["good"])
        try await house.run("good").put(3, [.gradient("w", [4, 3], 3)])
        let manifest = try JSONValue(parsing: Array(#"{"optimizer": {"lr": 0.01}}"#.utf8))
        await expectRefusal(.runDamaged) { _ = try await house.runs.make(RunName("bad"), manifest: manifest) }
        await expectRefusal(.epochFenced) { try await house.runs.delete(RunName("bad"), epoch: 4) }
        #expect(house.runs.ledger.reservedByteCount == 24 * 12 + 8 * (4 * 4 + 3 * 3) - 16 * 12)
        try await house.runs.delete(RunName("bad"), epoch: 0)
        try await house.make("bad", #"{"optimizer": {"lr": 0.01}}"#)
    }

    @Test func aManifestThatCannotBeReadDamagesOnlyItsRun() async throws {
        let house = try await House()
        try await house.make("good", #"{"optimizer": {"lr": 0.01}}"#)
        _ = try house.store.createRun(name: "text", manifest: "{")
        _ = try house.store.createRun(name: "future", manifest: #"{"optimizer": {"lr": 0.01, "new_option": 1}}"#)
        _ = try house.store.createRun(name: "im/possible", manifest: "{}")
        try await house.crash()
        await expectRefusal(.runDamaged) { _ = try house.run("text") }
        let error = await expectRefusal(.runDamaged) { _ = try house.run("future") }
        #expect(error?.detail.contains("new_option") == true)
        #expect(try house.runs.list().map(\.name.description) == ["good"])
        #expect(house.log.lines.contains { $0.contains("impossible name") })
    }

    @Test func aRunThatNoLongerFitsInMemoryIsSaidToBeSo() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await run.put(1, [.gradient("w", [8, 8], 1)])
        try await house.crash(memoryBudget: 100)
        let error = await expectRefusal(.runDamaged) { _ = try house.run() }
        #expect(error?.detail.contains("memory budget") == true)
        #expect(house.runs.ledger.reservedByteCount == 0)
        try await house.crash()
        #expect(try house.run().status.step == 1)
    }

    @Test func answersThatDifferFromTheLogAreReportedOnce() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1...4 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        try house.store.write { db in
            try db.execute(sql: "UPDATE log_entry SET previous_answer_digest = randomblob(32) WHERE sequence > 2; \(Schema.signLog)")
        }
        try await house.crash()
        let warnings = house.log.lines.filter { $0.contains("other bits") }
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("\"first_step\": 2") == true && warnings.first?.contains("\"steps\": 2") == true)
        #expect(try house.run().status.step == 4)
    }

    /// Records of a log that do not say how they know answers again hold SHA-256.
    @Test(arguments: [true, false])
    func anOlderLogKnowsItsAnswersAgain(_ isRight: Bool) async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        var digests: [[UInt8]] = []
        for k in 1...3 {
            let answer = try await run.put(k, [.gradient("w", [4, 3], k)])
            digests.append(Array(SHA256.hash(data: answer.content.map { Array($0.bytes) } ?? [])))
        }
        if !isRight { digests[0][7] ^= 1 }
        try house.store.write { db in
            for (index, digest) in digests.enumerated() {
                try db.execute(
                    sql: "UPDATE log_entry SET attributes = '{\"inputs\":{}}', previous_answer_digest = ? WHERE step = ?",
                    arguments: [Data(digest), index + 2])
            }
            try db.execute(sql: Schema.signLog)
        }
        try await house.crash()
        #expect(house.log.lines.count { $0.contains("other bits") } == (isRight ? 0 : 1))
        #expect(try house.run().status.step == 3)
    }

    @Test func aLogRecordThatIsNotUnderstoodIsNotGuessed() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        try await run.put(1, [.gradient("w", [4, 3], 1)]) { $0.learningRate = 0.5 }
        for attributes in [#"{"inputs": {"lr": "0.5"}}"#, #"{"inputs": {"lr": 0.5, "new": 1}}"#, "{}"] {
            try house.store.write { try $0.execute(sql: "UPDATE log_entry SET attributes = ?; \(Schema.signLog)", arguments: [attributes]) }
            try await house.crash()
            await expectRefusal(.runDamaged) { _ = try house.run() }
        }
    }

    @Test func inputsSurviveTheLog() throws {
        var inputs = StepInputs()
        #expect(StepInputs(inputs.json) == inputs)
        inputs.learningRate = 0.1
        inputs.groupLearningRates = ["g": 1e-300, "e\u{301}": 0, "\u{E9}": 1]
        inputs.gradScale = .leastNonzeroMagnitude
        inputs.maxGradNorm = .greatestFiniteMagnitude
        inputs.dtype = .bf16
        inputs.returned = .weights
        let text = JSONValue.object(inputs.json).serialized()
        #expect(try JSONValue(parsing: text).objectValue.flatMap { StepInputs($0) } == inputs)
    }

    @Test func aLoggedStepThatDoesNotFollowIsNotPutOnAnotherState() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1...3 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        try house.store.write { try $0.execute(sql: "UPDATE log_entry SET step = 5 WHERE step = 3; \(Schema.signLog)") }
        try await house.crash()
        await expectRefusal(.runDamaged) { _ = try house.run() }
    }

    /// A crash loop of one run must not keep the others away; a kill or two while it is brought back must not cost it its place.
    @Test func aRunWhoseRecoveryEndsTheServerAgainAndAgainIsLeftOutOfOneStart() async throws {
        let house = try await House()
        let manifest = #"{"optimizer": {"lr": 1}}"#
        let name = try RunName("poison")
        try await house.make("poison", manifest).put(1, [.gradient("w", [2], 1)])
        _ = try await house.make("other", manifest)
        var served: [Bool] = []
        for unfinished in [2, 3, 2] {
            let row = try #require(try house.store.run(named: "poison"))
            try house.store.setUnfinishedRecoveries(unfinished, of: row.id)
            try await house.crash()
            served.append((try? house.runs.run(name)) != nil)
            #expect(try house.store.run(named: "poison")?.unfinishedRecoveries == 0)
            #expect(try house.runs.run(RunName("other")).status.step == 0)
        }
        #expect(served == [true, false, true])
        #expect(try house.runs.run(name).status.step == 1)
    }

    /// Where the count could not be taken back, because the disk failed at that moment, the next checkpoint does it.
    @Test func aCheckpointTellsThatTheRecoveryEnded() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 1}}"#)
        try await run.put(1, [.gradient("w", [2], 1)])
        let id = await run.id
        try house.store.setUnfinishedRecoveries(2, of: id)
        try await run.makeCheckpoint()
        #expect(try house.store.run(id)?.unfinishedRecoveries == 0)
    }
}
