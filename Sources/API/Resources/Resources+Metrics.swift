import HTTPServer
import HTTPTypes
import Training

extension Resources {
    /// `GET /metrics`: counts since the process started and what holds now. Never waits for a run.
    func getMetrics(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.metrics])
        let counts = runs.stepCounts
        var text = MetricsText()
        text.add(
            "lather_build_info", .gauge, "Always 1; the labels say what is running.", 1,
            labels: [("version", configuration.version), ("sqlite", EngineFacts.sqliteVersion), ("blas_kernels", EngineFacts.blasKernels)])
        text.add("lather_steps_total", .counter, "Steps taken and answered, at run or parameter level.", counts.taken)
        text.add("lather_skipped_steps_total", .counter, "Steps that a non-finite gradient made idle.", counts.skipped)
        text.add("lather_basis_refreshes_total", .counter, "Parameters' steps that made a basis anew.", counts.basisRefreshes)
        text.add(
            "lather_decomposition_fallbacks_total", .counter,
            "Eigendecompositions that failed in single precision and were done in double.", counts.decompositionFallbacks)
        text.add(
            "lather_decomposition_failures_total", .counter, "Decompositions that failed altogether, so that the old basis stayed.",
            counts.failedDecompositions)
        text.add(
            "lather_damaged_checkpoints_total", .counter, "Checkpoints that this start found damaged.", runs.damagedCheckpointCount)
        text.add(
            "lather_history_write_failures_total", .counter, "Times that a run's history could not be saved; it is tried again.",
            runs.historyFailureCount)
        text.add("lather_runs", .gauge, "Runs that are served.", runs.servedCount)
        text.add("lather_state_bytes", .gauge, "Bytes reserved for state and hosted weights.", runs.ledger.reservedByteCount)
        text.add("lather_memory_budget_bytes", .gauge, "Bytes that may be reserved.", runs.ledger.budget)
        return Response(
            status: .ok, headerFields: [.contentType: "\(type.rawValue); version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: .bytes(text.bytes))
    }
}
