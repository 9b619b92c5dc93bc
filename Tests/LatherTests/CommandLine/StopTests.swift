import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// SIGTERM, SIGINT, and a terminal that is closed: finish, checkpoint, exit 0.
    @Suite struct StopTests {
        @Test(.timeLimit(.minutes(1)), arguments: [SIGTERM, SIGINT, SIGHUP])
        func aStopLeavesACheckpointAndTheLastAnswer(signal: Int32) throws {
            try TestServer.use { server in
                let (body, answer) = try server.trainALittle()
                #expect(try server.stop(signal).code == 0)
                let shown = try LatherProcess.run(["inspect", "--database", server.database.path, "--verify"], in: server.directory)
                #expect(shown.exit.code == 0, "\(shown.error)")
                #expect(shown.output.contains("checkpoint of step 3:"))
                #expect(shown.output.contains("log: 0 record(s)"), "a restart has nothing to replay")

                try server.start()
                let connection = try server.connect()
                let again = try connection.putStep("run", 3, body)
                #expect(again.status == 200 && again.body == answer.body)
                #expect(again["Lather-Replayed"] == "true" && again["Lather-Epoch"] == answer["Lather-Epoch"])
                #expect(try connection.putStep("run", 4, body).status == 200)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aStepInFlightIsFinishedAndAnswered() throws {
            try TestServer.use { server in
                let connection = try server.connect()
                try connection.makeRun("run", ["optimizer": ["lr": 0.01]])
                let watch = try server.connect()
                // The first bases of such a parameter take long enough on any machine.
                try connection.send("PUT", "/v1/runs/run/steps/1", body: [NamedTensor("w", [1100, 1100], seed: 1)].encoded())
                _ = try server.process.await("at the step") {
                    let metrics = try String(decoding: watch.get("/metrics").body, as: UTF8.self)
                    return metrics.contains("\nlather_log_records_total 1\n") ? true : nil
                }
                server.process.signal(SIGTERM)
                let answer = try connection.receive()
                #expect(answer.status == 200 && answer["Connection"] == "close")
                #expect(try server.process.wait().code == 0)
                try server.start()
                #expect(try server.connect().get("/v1/runs/run").json["step"] == 1)
            }
        }

        /// Ctrl-C reaches a whole process group, and a parent's SIGTERM may follow: the last checkpoint is finished all the same.
        @Test(.timeLimit(.minutes(1)))
        func furtherSignalsDoNotCutTheStopShort() throws {
            try TestServer.use { server in
                let connection = try server.connect()
                try connection.makeRun("run", ["optimizer": ["lr": 0.01]])
                try connection.send("PUT", "/v1/runs/run/steps/1", body: [NamedTensor("w", [700, 700], seed: 1)].encoded())
                usleep(100_000)
                for signal in [SIGINT, SIGTERM, SIGINT] {
                    server.process.signal(signal)
                    usleep(20_000)
                }
                #expect(try connection.receive().status == 200)
                #expect(try server.process.wait().code == 0)
                let shown = try LatherProcess.run(["inspect", "--database", server.database.path], in: server.directory)
                #expect(shown.output.contains("checkpoint of step 1:"))
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aServerOutlivesTheReaderOfItsLog() throws {
            try withTemporaryDirectory { directory in
                let pipe = directory.appendingPathComponent("log")
                mkfifo(pipe.path, 0o600)
                let reader = open(pipe.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
                let process = try LatherProcess(["serve", "--port", "0"], errorFile: pipe, in: directory)
                defer { process.end() }
                let port = try process.awaitPort()
                close(reader)
                #expect(try HTTPConnection(port: port).get("/v1").status == 200)
                process.signal(SIGTERM)
                #expect(try process.wait().code == 0)
            }
        }
    }
}
