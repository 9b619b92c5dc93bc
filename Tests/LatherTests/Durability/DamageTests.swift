import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// Bits that changed on the disk while the server was away; byte by byte in `TrainingTests`.
    @Suite struct DamageTests {
        private static let optimizer: JSONValue = ["optimizer": ["lr": 0.01, "precondition_frequency": 2]]

        /// Flips a bit in the middle of each place where the file holds these bytes; older copies may lie in free pages.
        private static func flip(_ pattern: some Collection<UInt8>, in file: URL) throws {
            var bytes = try Data(contentsOf: file)
            let pattern = Data(pattern)
            var copies = 0
            while let range = bytes.range(of: pattern) {
                bytes[range.lowerBound + pattern.count / 2] ^= 1
                copies += 1
            }
            #expect(copies > 0)
            try bytes.write(to: file)
        }

        private static func body(_ run: String, _ step: Int) throws -> [UInt8] {
            try [NamedTensor("w", [12, 8], seed: UInt64(10 * run.utf8.count + step))].encoded()
        }

        /// Takes steps 1 to 5 of a new run, with a checkpoint of the second.
        ///
        /// - Returns: the last answer.
        private static func train(_ connection: HTTPConnection, _ run: String) throws -> HTTPAnswer {
            try connection.makeRun(run, optimizer)
            var last: HTTPAnswer?
            for step in 1...5 {
                last = try connection.putStep(run, step, body(run, step))
                if step == 2 { #expect(try connection.request("POST", "/v1/runs/\(run)/checkpoints").status == 201) }
            }
            return try #require(last)
        }

        @Test(.timeLimit(.minutes(1)))
        func aDamagedCheckpointCostsNothing() throws {
            var sixth: HTTPAnswer?
            try TestServer.use { server in
                _ = try DamageTests.train(server.connect(), "run")
                sixth = try server.connect().putStep("run", 6, DamageTests.body("run", 6))
            }
            try TestServer.use { server in
                let answer = try DamageTests.train(server.connect(), "run")
                // The stop's checkpoint holds the last answer, whose bytes are known here.
                try server.stop(SIGTERM)
                try DamageTests.flip(answer.body.suffix(256), in: server.database)
                try server.start()
                #expect(server.process.error.contains("checkpoint damaged"))
                let connection = try server.connect()
                let metrics = try String(decoding: connection.get("/metrics").body, as: UTF8.self)
                #expect(metrics.contains("\nlather_damaged_checkpoints_total 1\n"))
                let again = try connection.putStep("run", 5, DamageTests.body("run", 5), epoch: 0)
                #expect(again["Lather-Replayed"] == "true" && again.body == answer.body)
                #expect(try connection.putStep("run", 6, DamageTests.body("run", 6), epoch: 0).body == sixth?.body)
                try server.stop(SIGTERM)
                let inspect = try LatherProcess.run(["inspect", "--database", server.database.path, "--verify"], in: server.directory)
                #expect(inspect.exit.code == 0, "\(inspect.output)")
            }
        }

        /// A backup of a running server is one file with the log in it.
        @Test(.timeLimit(.minutes(1)))
        func aDamagedLogRecordKeepsItsRunAloneFromBeingServed() throws {
            try TestServer.use { server in
                for run in ["good", "bad"] { _ = try DamageTests.train(server.connect(), run) }
                let copy = server.directory.appendingPathComponent("copy.sqlite")
                let backup = ["backup", "--database", server.database.path, copy.path]
                #expect(try LatherProcess.run(backup, in: server.directory).exit.code == 0)
                try DamageTests.flip(DamageTests.body("bad", 5).suffix(128), in: copy)
                let inspect = try LatherProcess.run(["inspect", "--database", copy.path, "--verify"], in: server.directory)
                #expect(inspect.exit.code == 65 && inspect.output.contains("DAMAGED: Log entry 5 of run 2"), "\(inspect.output)")
                try TestServer.use(database: copy) { damaged in
                    let connection = try damaged.connect()
                    let refused = try connection.putStep("bad", 6, DamageTests.body("bad", 6))
                    #expect(refused.problem == "run-damaged" && refused.status == 503)
                    #expect(refused.json["detail"]?.stringValue?.contains("Log entry 5") == true)
                    #expect(try connection.putStep("good", 6, DamageTests.body("good", 6)).status == 200)
                }
            }
        }
    }
}
