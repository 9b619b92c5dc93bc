import Foundation
import Metrics
import Synchronization
import Testing

@testable import Storage

/// What a store counts.
@Suite struct MetricsTests {
    let workspace = try! Workspace()

    @Test func recordsCheckpointsAndFilesAreCounted() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append(noise(2500), step: 1, to: run)
        try store.append(noise(100), step: 2, to: run)
        try store.checkpoint(run, step: 2, sequence: 2, tensors: ["w": noise(700), "v": noise(300)])
        let metrics = store.metrics
        #expect(metrics.logRecords == 2)
        #expect(metrics.logBytes == 2604, "with two bytes of attributes each")
        #expect(metrics.checkpoints.count == 1 && metrics.checkpoints.sum > 0)
        #expect(metrics.checkpointBytes == 1000)
        #expect(metrics.syncs.count >= 4 && metrics.syncs.sum > 0)
        #expect(metrics.failedSyncs == 0 && metrics.reopenings == 0 && !metrics.isInDoubt)
        #expect(metrics.walBytes > 2600 && metrics.databaseBytes > 0)
    }

    @Test func aSyncServesAllCommitsBeforeIt() throws {
        let meter = StorageMeter()
        let sync = GroupSync(meter: meter) {}
        for _ in 0..<3 { _ = sync.noteWritten() }
        try sync.wait(for: 3)
        try sync.wait(for: 1)
        try sync.wait(for: sync.noteWritten())
        #expect(meter.metrics.commitsPerSync.count == 2 && meter.metrics.commitsPerSync.sum == 4)
        #expect(meter.metrics.syncs.count == 2)
    }

    @Test func aFailedSyncIsCountedOnce() {
        let meter = StorageMeter()
        let sync = GroupSync(meter: meter) { () throws(StorageError) in throw StorageError(.syncFailed, "no") }
        let commit = sync.noteWritten()
        for _ in 0..<2 { #expect(failure { try sync.wait(for: commit) } == .syncFailed) }
        #expect(meter.metrics.failedSyncs == 1 && meter.metrics.syncs.count == 0)
    }

    @Test func aFileInDoubtIsShownUntilItIsOpenedAnew() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        store.suspectFailedSync()
        #expect(store.metrics.isInDoubt && store.metrics.reopenings == 0)
        try store.append([1], step: 1, to: run)
        #expect(!store.metrics.isInDoubt && store.metrics.reopenings == 1)
        #expect(store.metrics.logRecords == 1, "counts go on")
    }
}
