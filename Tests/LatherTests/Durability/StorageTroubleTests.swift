import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// The database cannot be written for a while, in each way that happens to servers. Steps are refused meanwhile, what is in
    /// memory stays as it was, and everything else is served; when the cause is gone the run goes on, without a restart.
    @Suite struct StorageTroubleTests {
        /// So wide that neither a step nor a checkpoint fits into what a full disk has left.
        private static let width = 128

        @Test(
            .enabled(if: TemporaryFileSystem.isPossible, "needs root and tmpfs"), .timeLimit(.minutes(2)),
            arguments: ["log", "checkpoint", "memory"], [0, 512 << 10])
        func aFullDiskRefusesUntilThereIsRoomAgain(durability: String, room: Int) throws {
            var trainer = RetryingTrainer(durability: durability, width: StorageTroubleTests.width)
            var final: [UInt8] = []
            try TemporaryFileSystem.use { disk in
                try TestServer.use(database: disk.directory.appendingPathComponent("lather.sqlite")) { server in
                    let connection = try server.connect()
                    try trainer.makeRun(server)
                    for _ in 1...5 { try trainer.step(server) }
                    let checkpoint = try trainer.state(server)
                    for _ in 1...2 {
                        try disk.fill(leaving: room)
                        // Where there is some room, it ends in the midst of this.
                        #expect(try connection.send("POST", "run/checkpoints").outcome == "507 storage-full")
                        try refuse(&trainer, connection, durability)

                        let before = try RunPicture(of: "run", over: connection)
                        #expect(try connection.send("POST", "run/checkpoints").outcome == "507 storage-full")
                        let ready = try connection.get("/healthz/ready")
                        #expect(ready.outcome == "503 storage-unavailable")
                        #expect(ready.json["detail"]?.stringValue?.contains("No room") == true)
                        let body = try trainer.body
                        for (answer, what) in [
                            (try connection.send("POST", "run/restore", ["step": 5]), "a restore"),
                            (try connection.request("PUT", "/v1/runs/run/weights", body: body), "weights"),
                            (try connection.request("PUT", "/v1/runs/run/state", body: checkpoint), "an import"),
                        ] {
                            #expect(answer.outcome == "507 storage-full" && answer["Retry-After"] != nil, "\(what)")
                        }
                        #expect(try RunPicture(of: "run", over: connection) == before)
                        #expect(try connection.download("run", checkpointAt: 5) == checkpoint)
                        #expect(try connection.get("/healthz/live").status == 200 && connection.get("/metrics").status == 200)

                        try disk.makeRoom()
                        #expect(try trainer.tryStep(connection).status == 200, "no restart, and no waiting")
                        final = try trainer.state(server)
                        #expect(try connection.get("/healthz/ready").status == 200)
                    }
                    let before = try RunPicture(of: "run", over: connection)
                    try server.crashAndRestart()
                    #expect(try RunPicture(of: "run", over: server.connect()) == before)
                    try trainer.step(server)
                    final = try trainer.state(server)
                }
            }
            try trainer.expectSameUndisturbed(final)
        }

        /// Under `log` a step is refused as soon as there is no room for it; the others need none, or only that of a note.
        private func refuse(_ trainer: inout RetryingTrainer, _ connection: HTTPConnection, _ durability: String) throws {
            for _ in 1...20 {
                let answer = try trainer.tryStep(connection)
                if answer.status == 200 { continue }
                #expect(answer.outcome == "507 storage-full" && answer["Retry-After"] != nil)
                if durability == "log" { return }
            }
            try #require(durability != "log", "a full disk takes step after step")
        }

        /// Half a move would take the room that steps still have.
        @Test(
            .enabled(if: TemporaryFileSystem.isPossible && DatabaseLock.isPossible, "needs root, tmpfs and python3 with sqlite3"),
            .timeLimit(.minutes(1)))
        func aStartMovesNoLogThatDoesNotFit() throws {
            var trainer = RetryingTrainer(durability: "log", width: StorageTroubleTests.width)
            var final: [UInt8] = []
            try TemporaryFileSystem.use { disk in
                try TestServer.use(database: disk.directory.appendingPathComponent("lather.sqlite")) { server in
                    try trainer.makeRun(server)
                    try trainer.step(server)
                    try server.stop(SIGKILL)
                    let script = """
                        import os, sqlite3, sys
                        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
                        connection.execute("PRAGMA wal_autocheckpoint = 0")
                        connection.execute("CREATE TABLE filler AS SELECT zeroblob(40000000)")
                        os._exit(0)
                        """
                    try Process.succeed("python3", "-c", script, server.database.path)
                    try disk.fill(leaving: 20_000_000)
                    try server.start()
                    #expect(server.process.error.contains("would grow by"))
                    for _ in 1...5 { #expect(try trainer.tryStep(server.connect()).status == 200) }
                    try disk.makeRoom()
                    final = try trainer.state(server)
                }
            }
            try trainer.expectSameUndisturbed(final)
        }

        @Test(
            .enabled(if: DatabaseLock.isPossible, "needs python3 with sqlite3"), .timeLimit(.minutes(1)),
            arguments: ["IMMEDIATE", "EXCLUSIVE"])
        func aLockOfAnotherProgramRefusesUntilItIsGone(kind: String) throws {
            try disturb { trainer, server in
                let connection = try server.connect()
                let short = try DatabaseLock(kind, on: server.database, seconds: 0.3)
                #expect(try trainer.tryStep(connection).status == 200, "a short one is waited for")
                short.end()
                let lock = try DatabaseLock(kind, on: server.database)
                try expectRefusal(of: &trainer, by: server)
                lock.end()
            }
        }

        @Test(.enabled(if: FaultInjector.isPossible, "needs strace, and the right to attach it"), .timeLimit(.minutes(1)))
        func aReadOnlyFileSystemRefusesUntilItIsWritableAgain() throws {
            try disturb { trainer, server in
                let injector = try FaultInjector(into: server.process.identifier, call: "pwrite64", error: "EROFS", at: nil)
                try expectRefusal(of: &trainer, by: server)
                injector.end()
            }
        }

        /// As ext4 does when its device fails: writable again only when it has been mounted anew.
        @Test(.enabled(if: LoopFileSystem.isPossible, "needs root, mkfs.ext4 and loop devices"), .timeLimit(.minutes(1)))
        func aFileSystemThatTurnsReadOnlyLosesNothing() throws {
            try LoopFileSystem.use { disk in
                try disturb(database: disk.directory.appendingPathComponent("lather.sqlite")) { trainer, server in
                    try disk.becomeReadOnly()
                    try expectRefusal(of: &trainer, by: server)
                    try server.stop(SIGKILL)
                    try disk.remount()
                    try server.start()
                } after: { server in
                    try server.stop(SIGTERM)
                }
            }
        }

        /// What is written to a file without a name is lost to the next start.
        @Test(.timeLimit(.minutes(1))) func aDatabaseThatIsMovedAwayIsMissedUntilItIsBack() throws {
            try disturb { trainer, server in
                let elsewhere = server.directory.appendingPathComponent("elsewhere")
                try FileManager.default.moveItem(at: server.database, to: elsewhere)
                try expectRefusal(of: &trainer, by: server)
                try FileManager.default.moveItem(at: elsewhere, to: server.database)
            }
        }

        @Test(.timeLimit(.minutes(1))) func aDatabaseThatIsDeletedTakesNoStepIntoTheVoid() throws {
            try TestServer.use { server in
                var trainer = RetryingTrainer()
                try trainer.makeRun(server)
                for _ in 1...3 { try trainer.step(server) }
                try FileManager.default.removeItem(at: server.database)
                for _ in 1...2 { try expectRefusal(of: &trainer, by: server) }
            }
        }

        /// The server still has it open: all that is in it goes into the database before the next step does.
        @Test(.timeLimit(.minutes(1)), arguments: ["deleted", "moved away", "moved away and back"])
        func aWriteAheadLogThatIsGoneLosesNothing(what: String) throws {
            try disturb { trainer, server in
                let wal = URL(fileURLWithPath: server.database.path + "-wal")
                let elsewhere = server.directory.appendingPathComponent("elsewhere")
                try FileManager.default.moveItem(at: wal, to: elsewhere)
                if what == "deleted" { try FileManager.default.removeItem(at: elsewhere) }
                try trainer.step(server)
                if what == "moved away and back" {
                    try FileManager.default.removeItem(at: wal)
                    try FileManager.default.moveItem(at: elsewhere, to: wal)
                    try trainer.step(server)
                }
            }
        }

        /// Whatever is being written when fsync fails once: sent again, it is done, and no restart is needed.
        @Test(.enabled(if: FaultInjector.isPossible, "needs strace, and the right to attach it"), .timeLimit(.minutes(1)))
        func anFsyncThatFailsOnceLeavesTheSameRequestToBeSentAgain() throws {
            try disturb { trainer, server in
                let connection = try server.connect()
                let step = trainer.answers.count + 1
                let body = try trainer.body
                for (method, target, body) in [
                    ("PUT", "/v1/runs/run/steps/\(step)", body), ("POST", "/v1/runs/run/checkpoints", nil),
                    ("PUT", "/v1/runs/other", Array(#"{"optimizer": {"lr": 1}}"#.utf8)),
                    ("PATCH", "/v1/runs/other", Array(#"{"optimizer": {"lr": 2}}"#.utf8)),
                ] as [(String, String, [UInt8]?)] {
                    let injector = try FaultInjector(into: server.process.identifier, call: "fdatasync", error: "EIO", at: 1)
                    let doubtful = try connection.request(method, target, body: body)
                    injector.end()
                    #expect(doubtful.outcome == "503 commit-unknown" && doubtful["Retry-After"] != nil, "\(method) \(target)")
                    let again = try connection.request(method, target, body: body)
                    #expect((200...201).contains(again.status), "\(method) \(target): \(again.outcome)")
                }
                // Replayed now: this trainer has not seen its answer yet.
                #expect(try trainer.tryStep(connection)["Lather-Replayed"] == "true")
            }
        }

        /// Some steps, harm, and more steps: all as if nothing had happened, in this process and after a crash.
        private func disturb(
            database: URL? = nil, _ harm: (inout RetryingTrainer, TestServer) throws -> Void, after: (TestServer) throws -> Void = { _ in }
        ) throws {
            var trainer = RetryingTrainer()
            var final: [UInt8] = []
            try TestServer.use(database: database) { server in
                try trainer.makeRun(server)
                for _ in 1...5 { try trainer.step(server) }
                try harm(&trainer, server)
                for _ in 1...5 { try trainer.step(server) }
                #expect(try server.connect().get("/healthz/ready").status == 200)
                let before = try RunPicture(of: "run", over: server.connect())
                try server.crashAndRestart()
                #expect(try RunPicture(of: "run", over: server.connect()) == before)
                for _ in 1...3 { try trainer.step(server) }
                final = try trainer.state(server)
                try after(server)
            }
            try trainer.expectSameUndisturbed(final)
        }

        /// The next step is refused for want of the database, everything is as it was, and whoever asks is told.
        private func expectRefusal(of trainer: inout RetryingTrainer, by server: TestServer) throws {
            let connection = try server.connect()
            let before = try RunPicture(of: "run", over: connection)
            let refused = try trainer.tryStep(connection)
            #expect(refused.status == 503 && refused["Retry-After"] != nil, "\(refused.outcome)")
            #expect(["storage-unavailable", "commit-unknown"].contains(refused.problem))
            #expect(try RunPicture(of: "run", over: connection) == before)
            #expect(try connection.get("/healthz/ready").outcome == "503 storage-unavailable")
            #expect(try connection.get("/healthz/live").status == 200)
        }
    }
}
