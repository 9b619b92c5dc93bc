import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// What `lather serve` cannot do it says in one line on standard error, with an exit code of its own, and touches nothing.
    @Suite struct RefusedStartTests {
        /// Runs a server that must not start.
        private func expectRefusal(
            _ code: Int32, _ message: String, _ arguments: [String], environment: [String: String] = [:], in directory: URL,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let (exit, output, error) = try LatherProcess.run(["serve"] + arguments, environment: environment, in: directory)
            #expect(exit.code == code, "\(error)", sourceLocation: sourceLocation)
            #expect(error.contains(message), "\(error)", sourceLocation: sourceLocation)
            #expect(error.hasPrefix("lather: ") && error.split(separator: "\n").count == 1, "\(error)", sourceLocation: sourceLocation)
            #expect(output.isEmpty, sourceLocation: sourceLocation)
        }

        @Test(.timeLimit(.minutes(1)))
        func whatCannotBeServedSafelyIsRefused() throws {
            try withTemporaryDirectory { directory in
                // An address for documentation (RFC 5737): nobody has it, so nothing is ever listened on.
                let host = ["--host", "192.0.2.1", "--port", "0"]
                try expectRefusal(64, "192.0.2.1 is not a loopback address", host, in: directory)
                for empty in ["", "0", "false"] {
                    try expectRefusal(64, "not a loopback address", host, environment: ["LATHER_INSECURE": empty], in: directory)
                }
                try expectRefusal(64, "LATHER_INSECURE", host, environment: ["LATHER_INSECURE": "yes"], in: directory)
                try expectRefusal(78, "nothere cannot be read", ["--token-file", "nothere", "--port", "0"], in: directory)
                try Data("two words\n".utf8).write(to: directory.appendingPathComponent("words"))
                try expectRefusal(78, "one token", ["--token-file", "words", "--port", "0"], in: directory)
                #expect(!FileManager.default.fileExists(atPath: directory.appendingPathComponent("lather.sqlite").path))
                for allowed in ["1", "true"] {
                    try expectRefusal(69, "192.0.2.1", host, environment: ["LATHER_INSECURE": allowed], in: directory)
                }
                try expectRefusal(69, "192.0.2.1", host + ["--insecure"], in: directory)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func anOptionOutOfRangeIsNamed() throws {
            try withTemporaryDirectory { directory in
                for (arguments, variables, name) in [
                    (["--port", "65536"], [:], "--port"), (["--threads", "0"], [:], "--threads"),
                    (["--max-body-bytes", "0"], [:], "--max-body-bytes"), ([], ["LATHER_PORT": "http"], "LATHER_PORT"),
                    ([], ["LATHER_THREADS": "-1"], "LATHER_THREADS"), (["--log-level", "loud"], [:], "loud"),
                    (["--head-timeout", "0"], [:], "--head-timeout"), ([], ["LATHER_MAX_HEAD_BYTES": "100"], "LATHER_MAX_HEAD_BYTES"),
                    ([], ["LATHER_KERNELS": "openblas"], "LATHER_KERNELS must be one of amx, avx512, avx2, blas"),
                ] as [([String], [String: String], String)] {
                    try expectRefusal(64, name, arguments, environment: variables, in: directory)
                }
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aBusyPortIsNamedAndTheDatabaseStaysAsItWas() throws {
            let busy = try BusyPort()
            try TestServer.use { server in
                try server.trainALittle()
                try server.stop(SIGTERM)
                let before = try Data(contentsOf: server.database)
                let database = ["--database", server.database.path]
                let port = String(busy.number)
                try expectRefusal(69, "127.0.0.1:\(port)", database + ["--port", port], in: server.directory)
                try expectRefusal(69, "127.0.0.1:\(port)", database, environment: ["LATHER_PORT": port], in: server.directory)
                #expect(try Data(contentsOf: server.database) == before)
                let absent = server.directory.appendingPathComponent("absent.sqlite").path
                try expectRefusal(69, "127.0.0.1:\(port)", ["--database", absent, "--port", port], in: server.directory)
                #expect(!FileManager.default.fileExists(atPath: absent))
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aSecondServerOnADatabaseIsRefusedAndTheFirstGoesOn() throws {
            try TestServer.use { server in
                try server.trainALittle()
                let files = [server.database, URL(fileURLWithPath: server.database.path + "-wal")]
                let before = try files.map { try Data(contentsOf: $0) }
                let arguments = ["--database", server.database.path, "--port", "0"]
                try expectRefusal(74, "Another server has", arguments, in: server.directory)
                let link = server.directory.appendingPathComponent("link.sqlite")
                try FileManager.default.createSymbolicLink(at: link, withDestinationURL: server.database)
                try expectRefusal(74, "Another server has", ["--database", link.path, "--port", "0"], in: server.directory)
                #expect(try files.map { try Data(contentsOf: $0) } == before)
                #expect(try server.connect().get("/v1/runs/run").json["step"] == 3)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func whatIsNoDatabaseOfThisProgramIsLeftAsItWas() throws {
            try TestServer.use { server in
                try server.trainALittle()
                try server.stop(SIGTERM)
                let ours = try Data(contentsOf: server.database)
                // The SQLite header: user_version at byte 60, application_id at 68, both big-endian.
                var newer = ours
                newer.replaceSubrange(60..<64, with: [0, 0, 0, 99])
                var foreign = ours
                foreign.replaceSubrange(68..<72, with: [1, 2, 3, 4])
                let text = Data(repeating: UInt8(ascii: "x"), count: 4096)
                for (name, content, message) in [
                    ("newer", newer, "schema version 99"), ("foreign", foreign, "another program"),
                    ("text", text, "not an SQLite database"),
                ] {
                    let file = server.directory.appendingPathComponent("\(name).sqlite")
                    try content.write(to: file)
                    try expectRefusal(65, message, ["--database", file.path, "--port", "0"], in: server.directory)
                    #expect(try Data(contentsOf: file) == content, "\(name)")
                }
                let arguments = ["--database", server.directory.path, "--port", "0"]
                try expectRefusal(74, "not a regular file", arguments, in: server.directory)
                let absent = server.directory.appendingPathComponent("absent/lather.sqlite").path
                try expectRefusal(74, "does not exist", ["--database", absent, "--port", "0"], in: server.directory)
            }
        }
    }
}
