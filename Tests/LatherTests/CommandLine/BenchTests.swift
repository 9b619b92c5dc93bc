import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// `lather bench`, with as little to measure as there can be.
    @Suite struct BenchTests {
        /// Runs it in a directory of its own, and expects that nothing is left in there.
        private func bench(
            _ arguments: [String], in directory: URL, environment: [String: String] = [:], leaving rest: [String] = []
        ) throws -> (code: Int32?, output: String, error: String) {
            try withTemporaryDirectory { ours in
                let (exit, output, error) = try LatherProcess.run(["bench"] + arguments, environment: environment, in: ours)
                #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == rest)
                return (exit.code, output, error)
            }
        }

        private let small = ["--workload", "16x(64,64)", "--steps", "3"]

        @Test(.timeLimit(.minutes(2)))
        func aReportHasEveryCaseAndItsFiguresAgree() throws {
            try withTemporaryDirectory { directory in
                let frequencies = ["--frequency", "1", "--frequency", "2"]
                let (code, output, error) = try bench(
                    small + frequencies + ["--threads", "1", "--json", "--directory", directory.path], in: directory)
                #expect(code == 0, "\(error)")
                let report = try JSONValue(parsing: Array(output.utf8))
                expectKeys(report, ["machine", "measurements"])
                let machine = try #require(report["machine"])
                expectKeys(machine, ["version", "cores", "threads", "blas", "sqlite_version", "directory", "sync_ms"])
                expectKeys(machine["blas"], ["library", "kernels"])
                #expect(machine["threads"] == 1 && machine["directory"]?.stringValue == directory.path)
                try expectTimes(machine["sync_ms"])

                let measurements = try #require(report["measurements"]?.arrayValue)
                let cases = measurements.map { [$0["precondition_frequency"], $0["path"], $0["durability"], $0["steps"]] }
                #expect(
                    cases == [
                        [1, "engine", .null, 3], [1, "http", "memory", 3], [1, "http", "checkpoint", 3], [1, "http", "log", 3],
                        [2, "engine", .null, 4], [2, "http", "memory", 4], [2, "http", "checkpoint", 4], [2, "http", "log", 4],
                    ])
                for measurement in measurements { try expectFigures(measurement) }
            }
        }

        private func expectFigures(_ measurement: JSONValue) throws {
            expectKeys(
                measurement, ["workload", "precondition_frequency", "path", "durability", "steps", "step_ms", "phases_ms"])
            #expect(measurement["workload"] == "16x(64,64)")
            try expectTimes(measurement["step_ms"])
            guard measurement["path"] == "http" else {
                #expect(measurement["phases_ms"]?.isNull == true)
                return
            }
            expectKeys(measurement["phases_ms"], ["receive", "compute", "commit"])
            func phase(_ name: String) throws -> Double { try #require(measurement["phases_ms"]?[name]?.numberValue?.double) }
            let step = try #require(measurement["step_ms"]?["mean"]?.numberValue?.double)
            #expect(try phase("receive") > 0 && phase("compute") > 0)
            #expect(try phase("commit") >= 0)
            if measurement["durability"] == "log" { #expect(try phase("commit") > 0) }
            // Each of them is rounded to a microsecond, and they come one after another.
            #expect(try phase("receive") + phase("compute") + phase("commit") <= step + 0.002)
        }

        private func expectTimes(_ times: JSONValue?) throws {
            expectKeys(times, ["mean", "p50", "p99"])
            func time(_ name: String) throws -> Double { try #require(times?[name]?.numberValue?.double) }
            #expect(try time("p50") > 0 && time("p50") <= time("p99") && time("mean") > 0 && time("mean") <= time("p99"))
        }

        private func expectKeys(_ object: JSONValue?, _ names: [String], sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(object?.objectValue?.map(\.name) == names, sourceLocation: sourceLocation)
        }

        @Test(.timeLimit(.minutes(1)))
        func theTableHasALineForEachCaseAndTheUsualPlaceStaysClean() throws {
            try withTemporaryDirectory { directory in
                let (code, output, error) = try bench(
                    small + ["--frequency", "1", "--durability", "log"], in: directory, environment: ["TMPDIR": directory.path])
                #expect(code == 0, "\(error)")
                let lines = output.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
                #expect(lines.count == 5, "two of facts, a title, two cases: \(output)")
                #expect(lines[3].prefix(3) == ["16x(64,64)", "1", "engine"] && lines[3].count == 6)
                #expect(lines[4].prefix(4) == ["16x(64,64)", "1", "http,", "log"] && lines[4].count == 10)
                #expect(error.contains("1/2 16x(64,64), frequency 1, engine") && error.contains("2/2 16x(64,64), frequency 1, http, log"))
            }
        }

        @Test(.timeLimit(.minutes(1)), arguments: [(SIGINT, "2/2 "), (SIGTERM, "1/2 ")])
        func aSignalEndsItAndLeavesNothing(signal: Int32, progress: String) throws {
            try withTemporaryDirectory { directory in
                let place = directory.appendingPathComponent("place")
                try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
                let process = try LatherProcess(
                    ["bench", "--workload", "16x(64,64)", "--frequency", "1", "--durability", "log", "--steps", "100", "--json"]
                        + ["--directory", place.path], in: directory)
                defer { process.end() }
                func count() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: place.path).count }
                _ = try process.await("measuring") { process.error.contains(progress) ? true : nil }
                #expect(try count() == 1)
                process.signal(signal)
                #expect(try process.wait(seconds: 30).code == 1)
                #expect(process.error.contains("lather: stopped by SIG") && process.output.isEmpty)
                #expect(try count() == 0)
            }
        }

        @Test(.timeLimit(.minutes(1)), .enabled(if: TemporaryFileSystem.isPossible))
        func aFullDiskIsSaidAndNothingIsLeft() throws {
            try TemporaryFileSystem.use { system in
                try system.fill(leaving: 2 << 20)
                let (code, output, error) = try bench(
                    ["--workload", "16x(64,64)", "--steps", "50", "--durability", "log", "--directory", system.directory.path],
                    in: system.directory, leaving: ["filler"])
                #expect(code == 74 && output.isEmpty, "\(error)")
                #expect(error.contains("lather: "))
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func whatCannotBeMeasuredIsRefusedAtOnce() throws {
            try withTemporaryDirectory { directory in
                for (arguments, code, message) in [
                    (["--workload", "everything"], 64, "'everything' is invalid for '--workload"),
                    (["--durability", "sometimes"], 64, "'sometimes' is invalid for '--durability"),
                    (["--frequency", "0"], 64, "--frequency must be a whole number from 1 to 1000, not 0"),
                    (["--frequency", "ten"], 64, "'ten' is invalid for '--frequency"),
                    (["--steps", "0"], 64, "--steps must be a whole number from 1 to 100000, not 0"),
                    (["--threads", "0"], 64, "--threads must be a whole number from 1 to 1024, not 0"),
                    (["--directory", ""], 64, "--directory must not be empty"),
                    (["--database", "mine.sqlite"], 64, "Unknown option '--database'"),
                    (["--directory", "nothere"], 74, "no directory can be made in nothere"),
                ] as [([String], Int32, String)] {
                    let answer = try bench(small + arguments, in: directory, environment: ["TMPDIR": directory.path])
                    #expect(answer.code == code && answer.output.isEmpty, "\(arguments)")
                    #expect(answer.error.contains(message), "\(answer.error)")
                }
            }
        }
    }
}
