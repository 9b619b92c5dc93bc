import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// Where settings come from, and what they do to a server that starts.
    @Suite struct SettingsTests {
        @Test(.timeLimit(.minutes(1)))
        func theEnvironmentSetsWhatTheCommandLineDoesNot() throws {
            let variables = ["LATHER_THREADS": "3", "LATHER_MAX_BODY_BYTES": "2000", "LATHER_PORT": "", "LATHER_TOKEN_FILE": ""]
            try TestServer.use(["--max-body-bytes", "1000"], environment: variables) { server in
                let connection = try server.connect()
                let service = try connection.get("/v1").json
                #expect(service["compute_threads"] == 3)
                #expect(service["limits"]?["max_body_bytes"] == 1000)
                try connection.makeRun("run", ["optimizer": ["lr": 0.01]])
                #expect(try connection.putStep("run", 1, [UInt8](repeating: 0, count: 1001)).status == 413)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func everyLimitCanBeSetAndIsShown() throws {
            let options = [
                "--max-bytes-in-flight", "5000", "--max-head-bytes", "2048", "--max-connections", "8", "--idle-timeout", "60",
                "--transfer-timeout", "9", "--max-transfer-time", "90", "--max-event-streams", "3",
            ]
            let variables = [
                "LATHER_MAX_HEAD_FIELDS": "20", "LATHER_MAX_CONNECTIONS_PER_ADDRESS": "4", "LATHER_HEAD_TIMEOUT": "2",
                "LATHER_MIN_TRANSFER_RATE": "77",
            ]
            let expected: [String: JSONValue] = [
                "max_bytes_in_flight": 5000, "max_head_bytes": 2048, "max_request_line_bytes": 1024, "max_head_fields": 20,
                "max_connections": 8, "max_connections_per_address": 4, "head_timeout_seconds": 2, "idle_timeout_seconds": 60,
                "transfer_timeout_seconds": 9, "min_transfer_bytes_per_second": 77, "max_transfer_seconds": 90,
                "max_event_streams": 3,
            ]
            try TestServer.use(options, environment: variables) { server in
                let connection = try server.connect()
                let limits = try connection.get("/v1").json["limits"]
                for (name, value) in expected { #expect(limits?[name] == value, "\(name)") }
                #expect(try connection.request("GET", "/v1", fields: [("A", String(repeating: "b", count: 3_000))]).status == 431)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func anEmptyVariableIsAnUnsetOne() throws {
            try withTemporaryDirectory { directory in
                let names = ["HOST", "UNIX_SOCKET", "DATABASE", "PUBLIC", "TOKEN_FILE", "INSECURE", "THREADS", "LOG_LEVEL"]
                let variables = Dictionary(uniqueKeysWithValues: names.map { ("LATHER_\($0)", "") })
                let process = try LatherProcess(["serve", "--port", "0"], environment: variables, in: directory)
                defer { process.end() }
                #expect(try HTTPConnection(port: process.awaitPort()).get("/v1").status == 200)
                process.signal(SIGTERM)
                #expect(try process.wait().code == 0)
                #expect(FileManager.default.fileExists(atPath: directory.appendingPathComponent("lather.sqlite").path))
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aTokenFileLocksEverythingButHealth() throws {
            try withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("token")
                try Data("correct-horse\n".utf8).write(to: file)
                try TestServer.use(environment: ["LATHER_TOKEN_FILE": file.path]) { server in
                    let connection = try server.connect()
                    #expect(try connection.get("/healthz/live").status == 200)
                    let refused = try connection.get("/v1/runs")
                    #expect(refused.status == 401 && refused["WWW-Authenticate"] != nil)
                    #expect(try connection.request("GET", "/v1/runs", fields: [("Authorization", "Bearer wrong")]).status == 401)
                    #expect(try connection.request("GET", "/v1/runs", fields: [("Authorization", "Bearer correct-horse")]).status == 200)
                }
            }
        }

        @Test(.timeLimit(.minutes(1)), arguments: [0o000, 0o022, 0o077] as [mode_t])
        func aUnixSocketServesItsOwnerOnlyAndOutlivesACrash(mask: mode_t) throws {
            try withTemporaryDirectory { directory in
                let usual = umask(mask)
                defer { umask(usual) }
                let path = directory.appendingPathComponent("socket").path
                try TestServer.use(["--unix-socket", path]) { server in
                    for hasCrashed in [false, true] {
                        if hasCrashed { try server.crashAndRestart() }
                        var status = stat()
                        #expect(stat(path, &status) == 0)
                        #expect(status.st_mode & S_IFMT == S_IFSOCK && status.st_mode & 0o777 == 0o600)
                        let connection = try HTTPConnection(path: path)
                        #expect(try connection.get("/v1/runs").json["runs"] == [])
                    }
                    let second = try LatherProcess.run(
                        ["serve", "--port", "0", "--unix-socket", path, "--database", "second.sqlite"], in: directory)
                    #expect(second.exit.code == 69 && second.error.contains("unix:\(path) is in use"), "\(second.error)")
                    #expect(try HTTPConnection(path: path).get("/healthz/live").status == 200)
                    #expect(try server.stop(SIGTERM).code == 0)
                    #expect(!FileManager.default.fileExists(atPath: path))
                }
            }
        }
    }
}
