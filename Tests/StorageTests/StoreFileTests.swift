import Foundation
import GRDB
import Storage
import Testing

@Suite struct StoreFileTests {
    let workspace = try! Workspace()

    @Test func aNewDatabaseHasItsIdentityAndSettings() throws {
        let store = try workspace.open()
        #expect(try store.value("PRAGMA application_id") == 0x4C54_4852)
        #expect(try store.value("PRAGMA user_version") == Store.schemaVersion && store.schemaVersion == Store.schemaVersion)
        #expect(try store.value("PRAGMA page_size") == 65536)
        #expect(try store.value("PRAGMA auto_vacuum") == 2)
        #expect(try store.value("PRAGMA synchronous") == 1)
        #expect(try store.value("PRAGMA foreign_keys") == 1)
        #expect(try store.value("PRAGMA secure_delete") == 0)
        #expect(Store.sqliteVersion.hasPrefix("3."))
    }

    @Test func closingLeavesOneFileThatOpensAgain() throws {
        let store = try workspace.open()
        let run = try store.createRun(name: "a", manifest: "{}")
        try store.close()
        #expect(!FileManager.default.fileExists(atPath: workspace.path("database-wal")))
        #expect(failure { _ = try store.runs() } == .other)
        #expect(failure { _ = try store.createRun(name: "b", manifest: "{}") } == .other)
        try store.close()
        #expect(try workspace.open().runs() == [run])
    }

    @Test func anEmptyFileBecomesADatabase() throws {
        #expect(FileManager.default.createFile(atPath: workspace.path(), contents: nil))
        let store = try workspace.open()
        try store.checkWritable()
        #expect(try store.runs().isEmpty)
    }

    @Test(arguments: ["file:database?mode=memory", "a b%20c#d?e", "häß"])
    func aPathIsNeverTakenForAURI(name: String) throws {
        let store = try workspace.open(name)
        _ = try store.createRun(name: "a", manifest: "{}")
        try store.close()
        #expect(FileManager.default.fileExists(atPath: workspace.path(name)))
        #expect(try Store(inspecting: workspace.path(name)).runs().count == 1)
    }

    /// Wherever it is damaged: a column may be missing, a check may hold no longer, an index may cover something else.
    @Test func damagedDefinitionsAreRefusedBeforeTheyAreUsed() throws {
        try workspace.open().close()
        let whole = try Data(contentsOf: URL(fileURLWithPath: workspace.path()))
        let begin = try #require(whole.range(of: Data("CREATE TABLE history".utf8))?.lowerBound)
        let end = try #require(whole.range(of: Data("CREATE TABLE run (".utf8))?.lowerBound) + 400
        for place in stride(from: begin, to: end, by: 37) {
            var damaged = whole
            damaged[place] ^= 4
            try damaged.write(to: URL(fileURLWithPath: workspace.path()))
            for open in [{ _ = try workspace.open() }, { _ = try Store(inspecting: workspace.path()) }] {
                guard case .corrupt? = failure(open) else {
                    Issue.record("byte \(place) is not missed")
                    continue
                }
            }
        }
        try whole.write(to: URL(fileURLWithPath: workspace.path()))
        #expect(try workspace.open().runs().isEmpty)
    }

    /// A bit of the version may flip as well.
    @Test(arguments: [-1, 0, 1, 2, Int(Int32.min)])
    func aVersionThatIsNotTheDefinitionsIsRefused(version: Int) throws {
        let store = try workspace.open()
        try store.execute("PRAGMA user_version = \(version)")
        try store.close()
        for open in [{ _ = try workspace.open() }, { _ = try Store(inspecting: workspace.path()) }] {
            guard case .corrupt? = failure(open) else {
                Issue.record("it is not missed")
                continue
            }
        }
    }

    @Test func aSecondServerIsRefusedAlsoThroughALink() throws {
        let store = try workspace.open()
        try FileManager.default.createSymbolicLink(atPath: workspace.path("link"), withDestinationPath: workspace.path())
        #expect(failure { _ = try workspace.open() } == .lockedByAnotherServer)
        #expect(failure { _ = try workspace.open("link") } == .lockedByAnotherServer)
        try store.checkWritable()
    }

    @Test func theLockEndsWithTheStoreWhetherItIsClosedOrDropped() throws {
        let closed = try workspace.open()
        try closed.close()
        do { _ = try workspace.open() }
        try workspace.open().close()
    }

    /// How to make a file that must be refused, and what is said about it.
    static let refused: [(String, StorageError.Kind, @Sendable (Workspace) throws -> Void)] = [
        ("text", .notADatabase, { try Data("hello, this is a text".utf8).write(to: URL(fileURLWithPath: $0.path())) }),
        ("noise", .notADatabase, { try Data(noise(200_000)).write(to: URL(fileURLWithPath: $0.path())) }),
        ("no application id, a table", .foreignDatabase, { try $0.execute("CREATE TABLE t (a)") }),
        ("another application id", .foreignDatabase, { try $0.execute("PRAGMA application_id = 7") }),
        (
            "newer", .newerSchema(found: Store.schemaVersion + 1, supported: Store.schemaVersion),
            {
                try $0.open().close()
                try $0.execute("PRAGMA user_version = \(Store.schemaVersion + 1)")
            }
        ),
    ]

    @Test(arguments: refused.indices)
    func aFileThatIsNotOursIsLeftUntouched(index: Int) throws {
        let (name, kind, make) = StoreFileTests.refused[index]
        try make(workspace)
        let before = try workspace.digest(of: "database")
        let files = try FileManager.default.contentsOfDirectory(atPath: workspace.directory.path).sorted()
        #expect(failure { _ = try workspace.open() } == kind, "\(name)")
        #expect(failure { _ = try Store(inspecting: workspace.path()) } == kind, "\(name)")
        #expect(try workspace.digest(of: "database") == before, "\(name)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.directory.path).sorted() == files, "\(name)")
    }

    /// Whoever starts reads all of it.
    @Test func theWALOfServersThatEndEarlyStaysShort() throws {
        var longest = 0
        for step in 1...24 {
            let store = try workspace.open(partSize: 1 << 20)
            store.moveWhatWasLeft()
            let run = try store.run(named: "a") ?? store.createRun(name: "a", manifest: "{}")
            try store.append([UInt8](repeating: UInt8(step), count: 8 << 20), step: step, to: run)
            try store.endAsIfKilled()
            let size = try FileManager.default.attributesOfItem(atPath: workspace.path("database-wal"))[.size] as? Int
            longest = max(longest, try #require(size))
        }
        #expect(longest < 64 << 20, "\(longest)")
        let store = try workspace.open()
        #expect(try store.logEntryCount(of: #require(try store.run(named: "a")).id) == 24)
    }

    @Test func aNewerSchemaIsFoundInTheWALOfACrash() throws {
        let store = try workspace.open()
        try store.execute("PRAGMA user_version = 77")
        try workspace.crash(to: "copy")
        let before = try ["copy", "copy-wal"].map(workspace.digest)
        #expect(failure { _ = try workspace.open("copy") } == .newerSchema(found: 77, supported: Store.schemaVersion))
        #expect(try ["copy", "copy-wal"].map(workspace.digest) == before)
    }

    @Test func aPathThatCannotBeAFileIsRefused() throws {
        #expect(failure { _ = try workspace.open("missing/database") } == .cannotOpen)
        #expect(failure { _ = try Store(path: workspace.directory.path, logger: workspace.logger) } == .cannotOpen)
        #expect(failure { _ = try Store(path: "", logger: workspace.logger) } == .cannotOpen)
        #expect(failure { _ = try Store(inspecting: workspace.path("absent")) } == .cannotOpen)
        #expect(!FileManager.default.fileExists(atPath: workspace.path("absent")))
    }
}
