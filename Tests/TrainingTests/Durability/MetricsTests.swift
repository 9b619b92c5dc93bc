import Metrics
import Safetensors
import Storage
import Testing

@testable import Training

/// What is shown of runs that come back, or do not.
struct MetricsTests {
    private static let manifest = #"{"optimizer": {"lr": 0.01}}"#

    @Test func aRecoverySaysWhatItTook() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        for k in 1...3 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        #expect(house.runs.metrics.phases.sync.count == 3)
        try await house.crash()
        let metrics = house.runs.metrics
        #expect(metrics.isReady && metrics.servedRuns == 1 && metrics.awaitedRuns == 0)
        #expect(metrics.recovery.progress.runsDone == 1 && metrics.recovery.progress.recordsDone == 3)
        #expect(metrics.recovery.elapsed > .zero && metrics.recovery.elapsed == metrics.recovery.elapsed)
        #expect(metrics.steps == StepCounts() && metrics.phases.plan.count == 0, "they were counted in their own time")
    }

    @Test func aFailedWriteIsSeenUntilOneSucceeds() async throws {
        let house = try await House()
        let run = try await house.make("run", Self.manifest)
        try await run.put(1, [.gradient("w", [4, 3], 1)])
        try await house.whileSyncsFail(reachesDisk: true) {
            await expectRefusal(.commitUnknown) { try await run.put(2, [.gradient("w", [4, 3], 2)]) }
            let metrics = house.runs.metrics
            #expect(!metrics.isReady && metrics.runsInDoubt == 1 && metrics.storage.isInDoubt && metrics.storage.failedSyncs == 1)
            await expectRefusal(.storageUnavailable) { try await run.makeCheckpoint() }
        }
        try await run.put(2, [.gradient("w", [4, 3], 2)])
        try await run.put(3, [.gradient("w", [4, 3], 3)])
        let metrics = house.runs.metrics
        #expect(metrics.isReady && metrics.runsInDoubt == 0 && metrics.storage.reopenings == 1)
        #expect(metrics.steps.taken == 2 && metrics.steps.replayed == 1)
    }
}
