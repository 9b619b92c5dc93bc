import Metrics
import Training

extension MetricsText {
    /// Steps: what became of them, and how long they took.
    mutating func add(_ traffic: StepTraffic.Counts, _ training: TrainingMetrics) {
        let steps = training.steps
        add("lather_steps_total", .counter, "Steps taken and answered, at run or parameter level.", steps.taken)
        add("lather_skipped_steps_total", .counter, "Of these, steps that a non-finite gradient made idle.", steps.skipped)
        add("lather_replayed_steps_total", .counter, "Steps sent again and answered again.", steps.replayed)
        add(
            "lather_rejected_steps_total", .counter, "Steps that were not taken, by the type of the problem that was answered.",
            traffic.rejected.sorted { $0.key < $1.key }.map { ([("problem", $0.key)], $0.value) })
        let phases = [
            ("receive", traffic.receive), ("plan", training.phases.plan), ("append", training.phases.append),
            ("compute", training.phases.compute), ("sync", training.phases.sync),
        ]
        add(
            "lather_step_phase_duration_seconds",
            "Phases of the steps taken: receive the body, plan (checks), append to the log (with the digest), compute, sync (wait for the disk).",
            phases.map { ([("phase", $0)], $1) })
        add("lather_basis_refreshes_total", .counter, "Parameters' steps that made a basis anew.", steps.basisRefreshes)
        add(
            "lather_decomposition_fallbacks_total", .counter,
            "Eigendecompositions that failed in single precision and were done in double.", steps.decompositionFallbacks)
        add(
            "lather_decomposition_failures_total", .counter, "Decompositions that failed altogether, so that the old basis stayed.",
            steps.failedDecompositions)
    }

    /// Runs, and how the start brought them back.
    mutating func add(_ training: TrainingMetrics) {
        add("lather_runs", .gauge, "Runs that are served.", training.servedRuns)
        add("lather_runs_in_doubt", .gauge, "Of these, runs of which it is not known what the disk holds.", training.runsInDoubt)
        add("lather_damaged_runs", .gauge, "Runs that the start could not bring back.", training.damagedRuns)
        add("lather_recovering_runs", .gauge, "Runs that are not back yet.", training.awaitedRuns)
        let recovery = training.recovery
        add(
            "lather_recovery_duration_seconds", .gauge, "How long the start took to bring the runs back, or has taken so far.",
            recovery.elapsed.inSeconds)
        add("lather_recovered_runs_total", .counter, "Runs that the start has dealt with.", recovery.progress.runsDone)
        add("lather_recovered_records_total", .counter, "Records of the logs that the start has done again.", recovery.progress.recordsDone)
        add("lather_damaged_checkpoints_total", .counter, "Checkpoints that this start found damaged.", training.damagedCheckpoints)
        add("lather_failed_checkpoints_total", .counter, "Checkpoints that could not be written.", training.failedCheckpoints)
    }
}
