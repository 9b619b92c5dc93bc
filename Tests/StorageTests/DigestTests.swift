import GRDB
import Testing

@testable import Storage

/// What the digests of rows cover, and what is kept in reserve.
@Suite struct DigestTests {
    let workspace = try! Workspace()

    @Test(arguments: Schema.logEntryColumns.filter { $0 != "run" } + ["digest"])
    func noColumnOfALogEntryCanChange(column: String) throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        for step in 1...2 { try store.append(noise(100), step: step, to: run) }
        let changes = [
            "kind": "'weights'", "parameter": "''", "attributes": "attributes || ' '", "body_digest": "randomblob(32)",
            "previous_answer_digest": "zeroblob(32)", "digest": "NULL", "created_at": "created_at + 1e-6", "sequence": "7",
        ]
        try store.execute(
            "PRAGMA foreign_keys = OFF; UPDATE log_entry SET \(column) = \(changes[column] ?? "\(column) + 1") WHERE sequence = 2")
        #expect(failure { _ = try store.log(of: run) } == .corrupt(what: "Log entry 2 of run \(run.id)"))
    }

    @Test(arguments: [
        "UPDATE run SET name = 'b'", "UPDATE run SET epoch = 1", "UPDATE run SET is_ahead = 1", "UPDATE run SET pruned_through = 1",
        "UPDATE run SET kept_from = 1", "UPDATE run SET kept_after = 1", "UPDATE run SET created_at = 0", "UPDATE run SET digest = NULL",
        "UPDATE run_manifest SET json = '{ }'", "DELETE FROM run_manifest",
    ])
    func aRunSaysThatItsRowOrManifestChanged(sql: String) throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let other = try store.createRun(name: "other", manifest: "{}")
        #expect(try store.runs() == [run, other] && run.isRight)
        try store.execute(sql + (sql.hasPrefix("UPDATE run SET") ? " WHERE name = 'a'" : " WHERE run = \(run.id)"))
        #expect(try store.runs().map(\.isRight) == [false, true])
        // A new digest would hide the damage.
        #expect(failure { try store.setEpoch(1, of: run.id) } == .corrupt(what: "Run \(run.id)"))
        try store.setUnfinishedRecoveries(1, of: run.id)
        #expect(try store.runs().map(\.isRight) == [false, true])
        try store.deleteRun(run.id)
        #expect(try store.runs() == [other])
    }

    @Test func aRunThatOnlyDamageCallsDeletedIsNotSweptAway() throws {
        do {
            let store = try workspace.open()
            let run = try store.createRun(name: "a", manifest: "{}")
            try store.append([1], step: 1, to: run)
            try store.execute("UPDATE run SET deleted = 1")
            try store.close()
        }
        let store = try workspace.open()
        let run = try #require(try store.run(named: "a"))
        #expect(run.isRight)
        #expect(try store.log(of: run).map(\.1) == [[1]])
    }

    /// The log up to the checkpoint before the newest is swept, and nobody is shown more than before.
    @Test func theReserveReachesBackToTheCheckpointBefore() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        /// What is done; the sequence numbers on disk then; the points a recovery can begin at.
        let course: [(String, () throws -> Void, [Int64], [Int64])] = [
            ("begun", {}, [1, 2], [0]),
            ("first", { try store.checkpoint(run, step: 2, sequence: 2) }, [1, 2, 3, 4], [2, 0]),
            ("second", { try store.checkpoint(run, step: 4, sequence: 4) }, [3, 4, 5, 6], [4, 2]),
            ("third", { try store.checkpoint(run, step: 6, sequence: 6) }, [5, 6, 7, 8], [6, 4]),
            ("keeping one", { try store.checkpoint(run, step: 8, sequence: 8, keeping: 1) }, [9, 10], [8]),
            ("after it", { try store.checkpoint(run, step: 10, sequence: 10) }, [9, 10, 11, 12], [10, 8]),
            (
                "after steps in no log",
                {
                    try store.markAhead(1, of: run.id)
                    try store.checkpoint(run, step: 20, sequence: 12)
                }, [13, 14], [12]
            ),
            ("of the same step", { try store.checkpoint(run, step: 20, sequence: 14) }, [15, 16], [14]),
        ]
        var step = 0
        for (name, work, sequences, points) in course {
            try work()
            #expect(try store.logEntryCount(of: run.id) == 0, "\(name)")
            for _ in 0..<2 {
                step += 1
                try store.append([UInt8(step)], step: step, to: run)
            }
            let found = try store.withConnection { try Int64.fetchAll($0, sql: "SELECT sequence FROM log_entry ORDER BY sequence") }
            #expect(found == sequences, "\(name)")
            #expect(try store.recoveryPoints(of: run.id).map(\.sequence) == points, "\(name)")
            #expect(try store.logEntryCount(of: run.id) == 2 && store.log(of: run).count == 2, "\(name)")
            var reserved: [Int64] = []
            try store.forEachLogEntry(of: run.id, inReserve: true) { record, _ in reserved.append(record.sequence) }
            #expect(reserved == sequences, "\(name)")
        }
    }
}
