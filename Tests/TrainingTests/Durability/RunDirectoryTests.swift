import StrictJSON
import Testing

@testable import Training

struct RunDirectoryTests {
    @Test func aRunThatIsBackIsServedWhileOthersAreAwaited() async throws {
        let house = try await House()
        let back = try await house.make("back", #"{"optimizer": {"lr": 1}}"#)
        let directory = RunDirectory()
        await expectRefusal(.recovering) { _ = try directory.entry(back.status.name) }

        let awaited = try RunName("awaited")
        directory.noteAwaited([back.status.name, awaited])
        directory.noteProgress { ($0.runsTotal, $0.records) = (2, [awaited: (5, 70)]) }
        let refusal = await expectRefusal(.recovering) { _ = try directory.entry(back.status.name) }
        #expect(refusal?.detail.contains("0 of 2 runs, 5 of 70 log records") == true)
        for (name, value) in [("runs_done", 0), ("runs_total", 2), ("records_done", 5), ("records_total", 70)] {
            #expect(refusal?.field(name) == JSONValue(value))
        }
        directory.add(back)
        #expect(try directory.entry(back.status.name) != nil)
        #expect(try directory.entry(RunName("never-made")) == nil)
        await expectRefusal(.recovering) { _ = try directory.entry(awaited) }
        await expectRefusal(.recovering) { _ = try directory.all() }

        directory.readiness = .ready
        #expect(try directory.all().map(\.status.name) == [back.status.name])
        directory.readiness = .stopping
        await expectRefusal(.shuttingDown) { _ = try directory.entry(back.status.name) }
        #expect(directory.running.map(\.status.name) == [back.status.name])
    }
}
