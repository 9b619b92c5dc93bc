import Foundation
import HTTPTypes
import Metrics
import Safetensors
import Testing

@testable import API
@testable import HTTPServer
@testable import Storage
@testable import Training

/// Metrics are in the format that Prometheus reads, and count what happened.
struct MetricsTests {
    @Test func stepsRefreshesAndBytesAreCounted() async throws {
        try await withServer { server in
            let before = try await metrics(server)
            #expect(before.value("lather_steps_total") == 0)
            #expect(before.value("lather_ready") == 1)
            try await server.makeRun(
                "r",
                #"{"optimizer": {"lr": 0.1, "precondition_frequency": 2}, "policy": {"on_nonfinite": "skip"},"#
                    + #" "parameters": [{"name": "w", "shape": [2, 3]}]}"#)
            for step in [1, 2, 3, 3, 4] {
                let values: [Float] = step == 4 ? [.nan, 0, 0, 0, 0, 0] : [1, 2, 3, 4, 5, Float(step)]
                #expect(try await server.send(.put, "/v1/runs/r/steps/\(step)", file(TestTensor("w", [2, 3], values))).status == 200)
            }
            _ = try await server.send(.post, "/v1/runs/r/checkpoints")
            let after = try await metrics(server)
            for (name, value) in [
                ("lather_steps_total", 4), ("lather_skipped_steps_total", 1), ("lather_replayed_steps_total", 1),
                ("lather_basis_refreshes_total", 2), ("lather_decomposition_fallbacks_total", 0),
                ("lather_decomposition_failures_total", 0), ("lather_runs", 1), ("lather_runs_in_doubt", 0),
                ("lather_state_bytes", 4 * (2 * 6 + 2 * 4 + 2 * 9)), ("lather_log_records_total", 4),
                ("lather_checkpoint_duration_seconds_count", 1), ("lather_failed_syncs_total", 0),
            ] {
                #expect(after.value(name) == Double(value), "\(name)")
            }
            for phase in ["receive", "plan", "append", "compute", "sync"] {
                #expect(after.value("lather_step_phase_duration_seconds_count", ["phase": phase]) == 4, "\(phase)")
            }
            #expect(after.value("lather_sync_duration_seconds_count") >= 4)
            #expect(after.value("lather_sync_commits_sum") >= after.value("lather_sync_commits_count"))
            for name in [
                "lather_log_bytes_total", "lather_checkpoint_bytes_total", "lather_wal_bytes", "lather_database_bytes",
                "lather_recovery_duration_seconds", "lather_http_in_flight_limit_bytes",
            ] {
                #expect(after.value(name) > 0, "\(name)")
            }
        }
    }

    @Test func rejectedStepsAreCountedByTheirProblem() async throws {
        try await withServer(token: "t") { server in
            let known: HTTPFields = [.authorization: "Bearer t"]
            #expect(
                try await server.send(.put, "/v1/runs/r", json: TestServer.manifest, fields: known).status == 201)
            for (method, path, fields) in [
                (HTTPRequest.Method.put, "/v1/runs/r/steps/9", known), (.put, "/v1/runs/r/steps/8", known),
                (.put, "/v1/runs/r/steps/1?what=1", known), (.post, "/v1/runs/none/steps", known),
                (.put, "/v1/runs/r/parameters/w/steps/1", [:]), (.get, "/v1/runs/r/steps/1", known), (.get, "/v1/runs/none", known),
            ] {
                #expect(try await server.send(method, path, gradients(1), fields: fields).status >= 400)
            }
            let metrics = try await metrics(server, known)
            let family = try #require(metrics.families.first { $0.name == "lather_rejected_steps_total" })
            #expect(
                Dictionary(uniqueKeysWithValues: family.samples.map { ($0.labels["problem"], $0.value) }) == [
                    "step-out-of-order": 2, "unknown-query-parameter": 1, "unknown-run": 1, "unauthorized": 1,
                ])
        }
    }

    /// A refusal is counted for the route that it refuses; what clients make up is not told apart.
    @Test func everyAnswerKnowsItsRoute() async throws {
        try await withServer(token: "t") { server in
            for (method, path, token, route) in [
                (HTTPRequest.Method.get, "/v1/runs/a", "t", "/v1/runs/{run}"), (.get, "/v1/runs/b", "no", "/v1/runs/{run}"),
                (.delete, "/v1", "t", "/v1"), (.get, "/v1/none/of/these", "t", nil), (.get, "/made/up", "no", nil),
            ] {
                let parts = path.split(separator: "/").map(String.init)
                let request = Request(
                    method: method, target: Array(path.utf8), pathSegments: parts, headerFields: [.authorization: "Bearer \(token)"])
                #expect(await server.api.respond(to: request).route == route, "\(method) \(path)")
            }
        }
    }

    @Test func aServerThatRecoversIsNotReady() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TestServer(database: directory.appendingPathComponent("test.sqlite"), isRecovered: false) {
                _ = try $0.createRun(name: "r", manifest: "{}")
            }
            #expect(try await metrics(server).value("lather_ready") == 0)
            try await server.runs.recover()
            let metrics = try await metrics(server)
            #expect(metrics.value("lather_ready") == 1)
            #expect(metrics.value("lather_damaged_runs") == 1 && metrics.value("lather_recovered_runs_total") == 1)
        }
    }

    @Test func aDatabaseThatTakesNoWritesIsNotReady() async throws {
        try await withTemporaryDirectory { directory in
            let database = directory.appendingPathComponent("test.sqlite")
            let server = try await TestServer(database: database)
            try await server.makeRun()
            try FileManager.default.removeItem(at: database)
            _ = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            #expect(try await metrics(server).value("lather_ready") == 0)
        }
    }

    /// Figures that no test provokes are shown too.
    @Test func everythingThatIsCountedIsShown() throws {
        var storage = StorageMetrics()
        (storage.failedSyncs, storage.reopenings, storage.isInDoubt, storage.walBytes) = (1, 2, true, 3)
        storage.syncs.record(0.02)
        var training = TrainingMetrics(storage: storage)
        (training.damagedRuns, training.runsInDoubt, training.awaitedRuns, training.failedCheckpoints) = (4, 5, 6, 7)
        (training.damagedCheckpoints, training.steps.decompositionFallbacks, training.steps.failedDecompositions) = (8, 9, 10)
        training.recovery.progress.records[try RunName("r")] = (11, 11)
        let meter = ServerMeter()
        meter.accepted()
        meter.accepted()
        meter.closed()
        meter.refusedConnection(.address)
        meter.pausedAccepting()
        meter.refusedRequest("malformed-request")
        meter.share(of: 0).received(12)
        meter.share(of: 1).sent(13)
        meter.changeInFlight(by: 14)
        for loop in 0..<15 { meter.share(of: loop).cutAnswer() }
        var response = Response(status: .conflict)
        meter.share(of: 0).answered(try #require(HTTPRequest.Method("BREW")), response, after: .milliseconds(1))
        response.route = "/v1/runs/{run}"
        meter.share(of: 0).answered(.put, response, after: .milliseconds(1))
        meter.share(of: 1).answered(.put, response, after: .seconds(1_000))
        var text = MetricsText()
        text.add(training)
        text.add(StepTraffic.Counts(), training)
        text.add(storage)
        text.add(meter.metrics)
        let metrics = try PrometheusText(text.bytes)
        for (name, value) in [
            ("lather_failed_syncs_total", 1), ("lather_database_reopenings_total", 2), ("lather_database_in_doubt", 1),
            ("lather_wal_bytes", 3), ("lather_damaged_runs", 4), ("lather_runs_in_doubt", 5), ("lather_recovering_runs", 6),
            ("lather_failed_checkpoints_total", 7), ("lather_damaged_checkpoints_total", 8),
            ("lather_decomposition_fallbacks_total", 9), ("lather_decomposition_failures_total", 10),
            ("lather_recovered_records_total", 11), ("lather_http_open_connections", 1), ("lather_http_accepted_connections_total", 2),
            ("lather_http_accept_pauses_total", 1), ("lather_http_received_bytes_total", 12), ("lather_http_sent_bytes_total", 13),
            ("lather_http_in_flight_bytes", 14), ("lather_http_cut_answers_total", 15),
        ] {
            #expect(metrics.value(name) == Double(value), "\(name)")
        }
        #expect(metrics.value("lather_http_refused_connections_total", ["limit": "address"]) == 1)
        #expect(metrics.value("lather_http_refused_connections_total", ["limit": "all"]) == 0)
        #expect(metrics.value("lather_http_refused_requests_total", ["problem": "malformed-request"]) == 1)
        #expect(metrics.value("lather_http_requests_total", ["method": "other", "route": "none", "status": "409"]) == 1)
        let put = ["method": "PUT", "route": "/v1/runs/{run}"]
        #expect(metrics.value("lather_http_requests_total", put.merging(["status": "409"]) { $1 }) == 2)
        for (bound, count) in [("0.0005", 0), ("0.001", 1), ("100", 1), ("+Inf", 2)] {
            #expect(
                metrics.value("lather_http_request_duration_seconds_bucket", put.merging(["le": bound]) { $1 }) == Double(count), "\(bound)"
            )
        }
        #expect(metrics.value("lather_sync_duration_seconds_bucket", ["le": "0.025"]) == 1)
    }

    @Test func theProcessIsShown() async throws {
        try await withServer { server in
            let metrics = try await metrics(server)
            #expect(metrics.value("process_cpu_seconds_total") > 0)
            #expect(metrics.value("process_resident_memory_bytes") > 1e6)
            #expect(metrics.value("process_virtual_memory_bytes") > metrics.value("process_resident_memory_bytes"))
            #expect(metrics.value("process_open_fds") > 3)
            #expect(metrics.value("process_open_fds") <= metrics.value("process_max_fds"))
            #expect(metrics.value("process_threads") >= 1)
            let age = Date().timeIntervalSince1970 - metrics.value("process_start_time_seconds")
            #expect(age > -2 && age < 86_400)
        }
    }

    @Test func theLabelsOfTheBuildSurviveAnyText() throws {
        var text = MetricsText()
        text.add("lather_b", .gauge, "Help.", 1, labels: [("x", "a\"b\\c\r\nd"), ("y", "")])
        #expect(
            String(decoding: text.bytes, as: UTF8.self)
                == "# HELP lather_b Help.\n# TYPE lather_b gauge\nlather_b{x=\"a\\\"b\\\\c\r\\nd\",y=\"\"} 1\n")
        #expect(try PrometheusText(text.bytes).value("lather_b", ["x": "a\"b\\c\r\nd"]) == 1)
    }

    /// The judge itself: what it must not let pass.
    @Test(arguments: [
        "lather_a 1\n", "# HELP lather_a A.\nlather_a 1\n", "# HELP lather_a A.\n# TYPE lather_a gauge\nlather_a 1",
        "# HELP lather_a A.\n# TYPE lather_a counter\nlather_a 1\n",
        "# HELP lather_a_total A.\n# TYPE lather_a_total gauge\nlather_a_total 1\n",
        "# HELP lather_a A.\n# TYPE lather_a gauge\nlather_a 1\nlather_a 1\n",
        "# HELP lather_a A.\n# TYPE lather_a gauge\nlather_a{b=\"\\x\"} 1\n",
        "# HELP lather_a A.\n# TYPE lather_a gauge\nlather_a 1 1\n", "# HELP lather_a A.\n# TYPE lather_a gauge\n\nlather_a 1\n",
        "# HELP lather_a A.\n# TYPE lather_a histogram\nlather_a_bucket{le=\"1\"} 1\nlather_a_sum 1\nlather_a_count 1\n",
        "# HELP lather_a A.\n# TYPE lather_a histogram\nlather_a_bucket{le=\"+Inf\"} 1\nlather_a_sum 1\nlather_a_count 2\n",
        "# HELP lather_a A.\n# TYPE lather_a histogram\nlather_a_bucket{le=\"1\"} 2\nlather_a_bucket{le=\"+Inf\"} 1\nlather_a_sum 1\nlather_a_count 1\n",
    ])
    func theReaderOfTheseTestsForgivesNothing(text: String) {
        #expect(throws: PrometheusText.Failure.self) { try PrometheusText(Array(text.utf8)) }
    }

    private func metrics(_ server: TestServer, _ fields: HTTPFields = [:]) async throws -> PrometheusText {
        let answer = try await server.send(.get, "/metrics", fields: fields)
        #expect(answer.status == 200)
        #expect(answer.fields[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        return try PrometheusText(answer.bytes)
    }
}
