import Foundation
import Testing

extension EndToEnd {
    @Suite struct InspectTests {
        @Test(.timeLimit(.minutes(1)))
        func theVersionIsPrinted() throws {
            try withTemporaryDirectory { directory in
                let (exit, output, _) = try LatherProcess.run(["--version"], in: directory)
                #expect(exit.code == 0)
                #expect(output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aDatabaseIsShownWhileServedAndAfterACrash() throws {
            try TestServer.use { server in
                try server.trainALittle()
                for hasCrashed in [false, true] {
                    if hasCrashed { try server.stop(SIGKILL) }
                    let before = try Data(contentsOf: server.database)
                    let (exit, output, error) = try LatherProcess.run(
                        ["inspect", "--database", server.database.path, "run", "--verify"], in: server.directory)
                    #expect(exit.code == 0, "\(error)")
                    for line in ["run: epoch 0", "log: 3 record(s)", "everything verified"] { #expect(output.contains(line)) }
                    #expect(try Data(contentsOf: server.database) == before)
                }
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aBackupMadeWhileServingStandsWhereTheServerStood() throws {
            try TestServer.use { server in
                let (body, answer) = try server.trainALittle()
                let copy = server.directory.appendingPathComponent("copy.sqlite")
                let backup = ["backup", "--database", server.database.path, copy.path]
                #expect(try LatherProcess.run(backup, in: server.directory).exit.code == 0)
                #expect(try LatherProcess.run(backup, in: server.directory).exit.code == 74, "the copy exists by now")
                #expect(try server.connect().putStep("run", 4, body).status == 200, "the server goes on")
                try server.stop(SIGTERM)
                try FileManager.default.removeItem(at: server.database)
                try FileManager.default.moveItem(at: copy, to: server.database)
                try server.start()
                let again = try server.connect().putStep("run", 3, body)
                #expect(again["Lather-Replayed"] == "true" && again.body == answer.body)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aFlippedBitIsFound() throws {
            try TestServer.use { server in
                let (_, answer) = try server.trainALittle()
                try server.stop(SIGTERM)
                let inspect = ["inspect", "--database", server.database.path]
                // The checkpoint holds the last answer, whose bytes are known here; older copies may lie in free pages.
                var file = try Data(contentsOf: server.database)
                let pattern = Data(answer.body.suffix(256))
                var copies = 0
                while let range = file.range(of: pattern) {
                    file[range.lowerBound + 100] ^= 1
                    copies += 1
                }
                #expect(copies > 0)
                try file.write(to: server.database)
                let plain = try LatherProcess.run(inspect, in: server.directory)
                #expect(plain.exit.code == 0)
                let verified = try LatherProcess.run(inspect + ["--verify"], in: server.directory)
                #expect(verified.exit.code == 65)
                #expect(verified.output.contains("DAMAGED"))
                #expect(verified.error.contains("is damaged in 1 place"))
            }
        }

        @Test(.timeLimit(.minutes(1)), arguments: [("is_ahead", "is_ahea$"), ("digest BLOB CHECK (length(", "digest BLOB CHECK (lengti(")])
        func aDamagedDefinitionIsFound(text: String, damaged: String) throws {
            try TestServer.use { server in
                _ = try server.trainALittle()
                try server.stop(SIGTERM)
                var file = try Data(contentsOf: server.database)
                file.replaceSubrange(try #require(file.range(of: Data(text.utf8))), with: Data(damaged.utf8))
                try file.write(to: server.database)
                for command in ["inspect", "serve", "backup"] {
                    let arguments = command == "serve" ? ["--port", "0"] : command == "backup" ? ["copy.sqlite"] : ["--verify"]
                    let result = try LatherProcess.run([command, "--database", server.database.path] + arguments, in: server.directory)
                    #expect(result.exit.code == 65 && result.error.contains("schema"), "\(command): \(result.exit), \(result.error)")
                }
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func anUnknownRunAndAnAbsentDatabaseAreErrors() throws {
            try TestServer.use { server in
                let unknown = try LatherProcess.run(["inspect", "--database", server.database.path, "nobody"], in: server.directory)
                #expect(unknown.exit.code == 1 && unknown.error.contains("no run \"nobody\""))
                let absent = try LatherProcess.run(["inspect", "--database", "absent.sqlite"], in: server.directory)
                #expect(absent.exit.code == 74 && absent.error.contains("absent.sqlite"))
                #expect(!FileManager.default.fileExists(atPath: server.directory.appendingPathComponent("absent.sqlite").path))
            }
        }
    }
}
