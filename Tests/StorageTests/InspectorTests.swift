import Foundation
import Storage
import Testing

@Suite struct InspectorTests {
    let workspace = try! Workspace()

    @Test func anInspectorSeesWhatARunningServerCommits() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        let inspector = try Store(inspecting: workspace.path())
        #expect(try inspector.runs() == [run])
        try store.append(noise(5000), step: 1, to: run)
        #expect(try inspector.log(of: run).map(\.1) == [noise(5000)])
        try store.deleteRun(run.id)
        #expect(try inspector.runs().isEmpty)
        #expect(failure { _ = try inspector.createRun(name: "b", manifest: "{}") } == .readOnly)
        try store.close()
    }

    @Test func inspectingAFileAtRestChangesNothingAround() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.checkpoint(run, step: 1)
        try store.close()
        let before = (
            try workspace.digest(of: "database"), try FileManager.default.contentsOfDirectory(atPath: workspace.directory.path).sorted()
        )
        let inspector = try Store(inspecting: workspace.path())
        #expect(try inspector.tensors(of: inspector.checkpoints(of: run.id)[0].id).count == 1)
        try inspector.close()
        #expect(try workspace.digest(of: "database") == before.0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.directory.path).sorted() == before.1)
    }

    @Test func inspectingAfterACrashSeesTheLogAndChangesNeitherFileNorWAL() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append([1, 2], step: 1, to: run)
        let writer = try store.beginCheckpoint(of: run.id, CheckpointHeader(step: 1, epoch: 0, sequence: 1, metadata: "{}"))
        try writer.append("w", noise(600_000))
        try workspace.crash(to: "copy")
        let before = try ["copy", "copy-wal"].map(workspace.digest)
        do {
            let inspector = try Store(inspecting: workspace.path("copy"))
            #expect(try inspector.log(of: run).map(\.1) == [[1, 2]])
            #expect(try inspector.checkpoints(of: run.id).isEmpty)
            try inspector.close()
        }
        #expect(try ["copy", "copy-wal"].map(workspace.digest) == before)
    }

    @Test func anInspectorOfAFileAtRestNoticesThatAServerWritesToIt() throws {
        try workspace.open().close()
        let inspector = try Store(inspecting: workspace.path())
        #expect(try inspector.runs().isEmpty)
        let store = try workspace.open()
        _ = try store.createRun(name: "a", manifest: "{}")
        #expect(try inspector.runs().isEmpty)
        try store.close()
        #expect(failure { _ = try inspector.runs() } == .busy)
    }

    @Test(arguments: [true, false])
    func aBackupIsACompleteDatabase(fromInspector: Bool) throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.append(noise(5000), step: 1, to: run)
        let source = fromInspector ? try Store(inspecting: workspace.path()) : store
        try source.backup(to: workspace.path("backup"))
        #expect(failure { try source.backup(to: workspace.path("backup")) } == .cannotOpen)
        let copy = try workspace.open("backup")
        #expect(try copy.log(of: run).map(\.1) == [noise(5000)])
        #expect(try copy.value("PRAGMA page_size") == 65536)
        #expect(!FileManager.default.fileExists(atPath: workspace.path("backup-partial")))
    }
}
