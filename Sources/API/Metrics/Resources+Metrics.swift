import HTTPServer
import HTTPTypes
import Training

extension Resources {
    /// `GET /metrics`: counts since the process started and what holds now. Never waits for a run.
    func getMetrics(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.metrics])
        // Looking into /proc and at the size of files may block.
        let text = try await runs.offLoop { metricsText }
        return Response(
            status: .ok, headerFields: [.contentType: "\(type.rawValue); version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: .bytes(text.bytes))
    }

    private var metricsText: MetricsText {
        let training = runs.metrics
        var text = MetricsText()
        text.add(
            "lather_build_info", .gauge, "Always 1; the labels say what is running.", 1,
            labels: [("version", configuration.version), ("sqlite", EngineFacts.sqliteVersion), ("blas_kernels", EngineFacts.blasKernels)])
        text.add(
            "lather_ready", .gauge, "1 when all runs are back that can be had back, and the last write to the database did not fail.",
            training.isReady ? 1 : 0)
        text.add(meter.counts, training)
        text.add(training)
        text.add(
            "lather_history_write_failures_total", .counter, "Times that a run's history could not be saved; it is tried again.",
            training.failedHistoryWrites)
        text.add("lather_state_bytes", .gauge, "Bytes reserved for state and hosted weights.", runs.ledger.reservedByteCount)
        text.add("lather_memory_budget_bytes", .gauge, "Bytes that may be reserved.", runs.ledger.budget)
        text.add(training.storage)
        text.add(configuration.meter.metrics)
        text.add(
            "lather_http_in_flight_limit_bytes", .gauge, "Bytes of bodies and large answers that may be in memory at once.",
            configuration.server.maximumBodyBytesInFlight)
        text.add(ProcessFacts())
        return text
    }
}
