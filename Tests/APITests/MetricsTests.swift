import HTTPTypes
import Safetensors
import Testing

@testable import API

/// Metrics are in the format that Prometheus reads, and count what happened.
struct MetricsTests {
    @Test func stepsRefreshesAndBytesAreCounted() async throws {
        try await withServer { server in
            func value(_ name: String) async throws -> Int? { try await samples(server)[name] }
            #expect(try await value("lather_steps_total") == 0)
            try await server.makeRun(
                "r",
                #"{"optimizer": {"lr": 0.1, "precondition_frequency": 2}, "policy": {"on_nonfinite": "skip"},"#
                    + #" "parameters": [{"name": "w", "shape": [2, 3]}]}"#)
            for step in 1...4 {
                let values: [Float] = step == 4 ? [.nan, 0, 0, 0, 0, 0] : [1, 2, 3, 4, 5, Float(step)]
                #expect(try await server.send(.put, "/v1/runs/r/steps/\(step)", file(TestTensor("w", [2, 3], values))).status == 200)
            }
            _ = try await server.send(.put, "/v1/runs/r/steps/9", file(TestTensor("w", [2, 3], [1, 2, 3, 4, 5, 6])))
            #expect(try await value("lather_steps_total") == 4)
            #expect(try await value("lather_skipped_steps_total") == 1)
            #expect(try await value("lather_basis_refreshes_total") == 2)
            #expect(try await value("lather_decomposition_fallbacks_total") == 0)
            #expect(try await value("lather_decomposition_failures_total") == 0)
            #expect(try await value("lather_runs") == 1)
            #expect(try await value("lather_state_bytes") == 4 * (2 * 6 + 2 * 4 + 2 * 9))
        }
    }

    @Test func theLabelsOfTheBuildSurviveAnyText() {
        var text = MetricsText()
        text.add("a_b", .gauge, "Help.", 1, labels: [("x", "a\"b\\c\r\nd"), ("y", "")])
        #expect(
            String(decoding: text.bytes, as: UTF8.self) == "# HELP a_b Help.\n# TYPE a_b gauge\na_b{x=\"a\\\"b\\\\c\r\\nd\",y=\"\"} 1\n")
    }

    /// The samples by name without labels; checks the format on the way.
    private func samples(_ server: TestServer) async throws -> [String: Int] {
        let answer = try await server.send(.get, "/metrics")
        #expect(answer.status == 200)
        #expect(answer.fields[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        let text = String(decoding: answer.bytes, as: UTF8.self)
        #expect(text.hasSuffix("\n"))
        let lines = text.split(separator: "\n")
        var samples: [String: Int] = [:]
        for (index, line) in lines.enumerated() where !line.hasPrefix("#") {
            let name = line.prefix { $0 != " " && $0 != "{" }
            #expect(name.wholeMatch(of: /lather_[a-z_]+/) != nil)
            #expect(index >= 2 && lines[index - 2].hasPrefix("# HELP \(name) "))
            let kind = name.hasSuffix("_total") ? "counter" : "gauge"
            #expect(index >= 1 && lines[index - 1] == "# TYPE \(name) \(kind)")
            #expect(samples[String(name)] == nil, "\(name) is there twice")
            samples[String(name)] = line.split(separator: " ").last.flatMap { Int($0) }
        }
        #expect(samples.count * 3 == lines.count)
        return samples
    }
}
