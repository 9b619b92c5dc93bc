import Foundation
import Safetensors
import StrictJSON
import Testing

extension EndToEnd {
    /// A run out of one database and into another, and on through sockets.
    @Suite struct StateFileTests {
        private static let manifest: JSONValue = [
            "optimizer": ["lr": 0.01, "precondition_frequency": 2], "groups": ["slow": ["match": ["*.bias"], "lr": 0.001]],
        ]

        private func gradients(_ step: Int) throws -> [UInt8] {
            try [NamedTensor("w", [12, 8], seed: UInt64(step)), NamedTensor("w.bias", [8], seed: UInt64(100 + step))].encoded()
        }

        private func export(_ server: TestServer, to file: String, _ more: String...) throws -> (code: Int32?, error: String) {
            let (exit, _, error) = try LatherProcess.run(
                ["export", "--database", server.database.path, "run", file] + more, in: server.directory)
            return (exit.code, error)
        }

        @Test(.timeLimit(.minutes(2)))
        func exportingImportingAndGoingOnIsNeverHavingStopped() throws {
            try TestServer.use { source in
                let connection = try source.connect()
                try connection.makeRun("run", StateFileTests.manifest)
                for step in 1...4 { #expect(try connection.putStep("run", step, gradients(step)).status == 200) }
                let file = source.directory.appendingPathComponent("state.safetensors")
                // After a crash the log has to be read first.
                try source.stop(SIGKILL)
                #expect(try export(source, to: file.path) == (0, ""))
                #expect(try export(source, to: file.path).code == 74, "the file exists by now")
                let before = try Data(contentsOf: file)
                #expect(try export(source, to: file.path, "--force").code == 0)
                #expect(try Data(contentsOf: file) == before)

                // Into a new database, whose run is made as the file says.
                let database = source.directory.appendingPathComponent("lather.sqlite")
                let old = source.directory.appendingPathComponent("old.sqlite")
                try FileManager.default.moveItem(at: database, to: old)
                let imported = try LatherProcess.run(["import", "--database", database.path, "moved", file.path], in: source.directory)
                #expect(imported.exit.code == 0 && imported.output == "moved: step 4, epoch 1\n", "\(imported.error)")
                try source.start()
                let moved = try source.connect()
                let description = try moved.get("/v1/runs/moved").json
                #expect(description["step"] == 4 && description["groups"] == StateFileTests.manifest["groups"])
                // And over HTTP, into a run whose server is killed right after it.
                try moved.makeRun("again", StateFileTests.manifest)
                #expect(try moved.request("PUT", "/v1/runs/again/state", body: Array(before)).status == 200)
                try source.crashAndRestart()
                var answers: [String: [[UInt8]]] = [:]
                for run in ["moved", "again"] {
                    let connection = try source.connect()
                    answers[run] = try (5...8).map { try connection.putStep(run, $0, gradients($0), epoch: 1).body }
                }

                #expect(try source.stop(SIGTERM).code == 0)
                try FileManager.default.removeItem(at: database)
                try FileManager.default.moveItem(at: old, to: database)
                try source.start()
                let control = try source.connect()
                let expected = try (5...8).map { try control.putStep("run", $0, gradients($0)).body }
                #expect(answers == ["moved": expected, "again": expected])
            }
        }

        /// Whenever the server dies, the run stands at the old state or at the new one, and the epoch says at which.
        @Test(
            .timeLimit(.minutes(1)),
            arguments: [("before-log", 0), ("after-log", 1), ("in-checkpoint", 1), ("before-completion", 1), ("before-pruning", 1)])
        func aKillDuringAnImportLeavesTheOldStateOrTheNew(point: String, epoch: Int) throws {
            try TestServer.use(binary: LatherProcess.debugBinary) { server in
                var connection = try server.connect()
                for run in ["source", "run"] { try connection.makeRun(run, StateFileTests.manifest) }
                for step in 1...4 { #expect(try connection.putStep("source", step, gradients(step)).status == 200) }
                #expect(try connection.putStep("run", 1, gradients(9)).status == 200)
                #expect(try connection.request("POST", "/v1/runs/source/checkpoints").status == 201)
                let file = try connection.request(
                    "GET", "/v1/runs/source/checkpoints/4", fields: [("Accept", "application/vnd.safetensors")]
                ).body
                #expect(try server.stop(SIGTERM).code == 0)
                try server.start(environment: ["LATHER_KILL_AT": "\(point):1"])
                // Killed before the answer, or by the checkpoint after it.
                _ = try? server.connect().request("PUT", "/v1/runs/run/state", fields: [("Lather-Epoch", "0")], body: file)
                #expect(try server.process.wait().code == nil, "killed at \(point)")
                try server.start()
                connection = try server.connect()
                let found = try connection.get("/v1/runs/run").json
                #expect(found["epoch"] == .init(epoch) && found["step"] == .init(epoch == 0 ? 1 : 4))
                let again = try connection.request("PUT", "/v1/runs/run/state", fields: [("Lather-Epoch", "0")], body: file)
                #expect(again.status == (epoch == 0 ? 200 : 409))
                let expected = try connection.putStep("source", 5, gradients(5))
                #expect(try connection.putStep("run", 5, gradients(5), epoch: 1).body == expected.body)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aDatabaseThatIsServedIsNotTouched() throws {
            try TestServer.use { server in
                try server.trainALittle()
                let (code, error) = try export(server, to: "state.safetensors")
                #expect(code == 74 && error.contains("Another server has"))
                let left = try FileManager.default.contentsOfDirectory(atPath: server.directory.path)
                #expect(!left.contains { $0.hasPrefix("state.safetensors") })
                let state = try [NamedTensor("w.exp_avg", [1], [0])].encoded()
                try Data(state).write(to: server.directory.appendingPathComponent("state"))
                let (exit, _, _) = try LatherProcess.run(
                    ["import", "--database", server.database.path, "run", "state"], in: server.directory)
                #expect(exit.code == 74)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func whatCannotBeImportedLeavesNothingBehind() throws {
            try withTemporaryDirectory { directory in
                func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
                func run(_ arguments: String...) throws -> Int32? { try LatherProcess.run(arguments, in: directory).exit.code }
                let state = try SafetensorsLayout([TensorSpec(name: "w.exp_avg", dtype: .f32, shape: [0])]).header
                try Data(state).write(to: directory.appendingPathComponent("hollow"))
                try Data("no file of tensors".utf8).write(to: directory.appendingPathComponent("text"))
                try Data(#"{"optimizer": {"lr": 1}}"#.utf8).write(to: directory.appendingPathComponent("manifest"))
                #expect(try run("import", "--database", path("db"), "run", "absent") == 74)
                #expect(try run("import", "--database", path("db"), "run", "text") == 65)
                #expect(try run("import", "--database", path("db"), "run", "hollow") == 1, "nobody says how to make the run")
                #expect(try run("import", "--database", path("db"), "a/b", "hollow") == 64)
                #expect(try run("import", "--database", path("db"), "run", "hollow", "--manifest", "text") == 65)
                #expect(try run("export", "--database", path("db"), "run", "out") == 74)
                #expect(!FileManager.default.fileExists(atPath: path("db")))
                #expect(try run("import", "--database", path("db"), "run", "hollow", "--manifest", "manifest") == 65)
                #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasPrefix("db") } == [])
                #expect(!FileManager.default.fileExists(atPath: path("out")))
                // A database that was there stays, without the run that was made for the import.
                try Data(#"{"optimizer": {"lr": 2}}"#.utf8).write(to: directory.appendingPathComponent("other"))
                let good = [NamedTensor("b.exp_avg", [1], [1]), NamedTensor("b.exp_avg_sq", [1], [1]), NamedTensor("b.step", [1], [9])]
                try Data(good.encoded()).write(to: directory.appendingPathComponent("good"))
                #expect(try run("import", "--database", path("db"), "kept", "good", "--manifest", "other") == 0)
                #expect(try run("import", "--database", path("db"), "run", "hollow", "--manifest", "manifest") == 65)
                try Data("somebody's".utf8).write(to: directory.appendingPathComponent("out-partial"))
                #expect(try run("export", "--database", path("db"), "run", "out") == 1, "the run that was made for it is gone")
                #expect(try run("export", "--database", path("db"), "kept", "out") == 0)
                try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: "out")
                #expect(try run("export", "--database", path("db"), "kept", "link", "--force") == 74, "a link is no file to replace")
                #expect(try run("export", "--database", path("db"), "kept", "out") == 74)
                #expect(try run("export", "--database", path("db"), "kept", "out", "--force") == 0)
                let others = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter {
                    $0.hasPrefix("out-") || $0.hasPrefix(".")
                }
                #expect(others == ["out-partial"])
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aForeignStateMakesItsRunFromAManifest() throws {
            try withTemporaryDirectory { directory in
                func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
                let tensors = [
                    NamedTensor("b.exp_avg", [2], [1, 2]), NamedTensor("b.exp_avg_sq", [2], [1, 1]), NamedTensor("b.step", [1], [9]),
                ]
                try Data(tensors.encoded()).write(to: directory.appendingPathComponent("state"))
                try Data(#"{"optimizer": {"lr": 1}}"#.utf8).write(to: directory.appendingPathComponent("manifest"))
                try Data(#"{"optimizer": {"lr": 2}}"#.utf8).write(to: directory.appendingPathComponent("other"))
                func `import`(_ more: String...) throws -> (Int32?, String) {
                    let (exit, output, _) = try LatherProcess.run(
                        ["import", "--database", path("db"), "run", "state"] + more, in: directory)
                    return (exit.code, output)
                }
                #expect(try `import`("--manifest", "manifest") == (0, "run: step 9, epoch 1\n"))
                #expect(try `import`() == (0, "run: step 9, epoch 2\n"))
                #expect(try `import`("--manifest", "other").0 == 1, "the run was made from another manifest")
                let inspected = try LatherProcess.run(["inspect", "--database", path("db"), "run", "--verify"], in: directory)
                #expect(inspected.output.contains("run: epoch 2") && inspected.output.contains("log: 0 record(s)"))
            }
        }
    }
}
