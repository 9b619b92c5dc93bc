import Foundation
import Memory
import Testing

@testable import Storage
@testable import Training

/// What readers are told, wherever they begin and however slow they are.
@Suite struct RunEventsTests {
    /// Ordinals then count from 1.
    private static let noTime: @Sendable () -> Date = { Date(timeIntervalSince1970: 0) }

    private func point(_ step: Int, epoch: Int = 0) -> HistoryPoint {
        HistoryPoint(firstStep: step, lastStep: step, epoch: epoch, time: Date(timeIntervalSince1970: 0))
    }

    private func place(_ id: EventID) -> Substring {
        #expect(id.run == 7)
        return "\(id)".dropFirst(2)
    }

    private func told(_ watch: RunWatch, upTo limit: Int = 10_000) -> [String]? {
        watch.take(upTo: limit)?.map { event in
            if case .gap(let from, let to) = event.event { return "\(place(event.id)) gap \(from)-\(to)" }
            return "\(place(event.id)) \(event.name)"
        }
    }

    @Test func aReaderIsToldInOrderAndOnce() {
        let events = RunEvents(run: 7, clock: RunEventsTests.noTime)
        let watch = RunWatch(events, after: events.newest)
        #expect(told(watch) == [])
        events.publish([point(1), point(2)])
        events.publish(.patch, epoch: 0, step: 2)
        events.publish(.refusal(TrainingError(.emptyStep, "no"), step: 3))
        events.publish([point(2), point(3)])
        #expect(told(watch, upTo: 2) == ["0-1 step", "0-2 step"])
        #expect(told(watch) == ["0-2-1 patch", "0-2-2 refusal", "0-3 step"])
        #expect(told(watch) == [])
        events.publish(.restore, epoch: 1, step: 2)
        events.publish([point(3, epoch: 1)])
        #expect(told(watch) == ["1-2-1 restore", "1-3 step"])
        events.publish(.deletion, epoch: 1, step: 3)
        #expect(told(watch) == ["1-3-1 deletion"])
        #expect(told(watch) == nil)
    }

    /// Ids from before and after, and what a reader that has seen them has missed.
    @Test(arguments: [
        ("0-3", ["0-4 step", "0-4-1 checkpoint", "1-2-1 restore", "1-3 step"]),
        ("0-4", ["0-4-1 checkpoint", "1-2-1 restore", "1-3 step"]),
        ("0-4-1", ["1-2-1 restore", "1-3 step"]),
        // The event is not known, but those after it are.
        ("0-4-7", ["1-2-1 restore", "1-3 step"]),
        ("0-9", ["1-2-1 restore", "1-3 step"]),
        ("1-3", []), ("1-2-1", ["1-3 step"]),
        // Of another run of that name.
        ("1-50", ["1-3 gap 1-3"]), ("7-1", ["1-3 gap 1-3"]),
    ])
    func aReaderGoesOnAfterWhatItHasSeen(id: String, expected: [String]) throws {
        let events = RunEvents(run: 7, clock: RunEventsTests.noTime)
        events.publish((1...4).map { point($0) })
        events.publish(.checkpoint(CheckpointDescription.sample), epoch: 0, step: 4)
        events.publish(.restore, epoch: 1, step: 2)
        events.publish([point(3, epoch: 1)])
        #expect(told(RunWatch(events, after: try #require(EventID("7-\(id)")))) == expected)
    }

    /// Ids of a run that was deleted, or is not in this copy of the database, are no places in the run that has its name now.
    @Test(arguments: ["6-0-2", "6-9-9", "8-0-1"]) func aReaderOfAnotherRunBeginsAnew(id: String) throws {
        let events = RunEvents(run: 7)
        let watch = RunWatch(events, after: try #require(EventID(id)))
        #expect(told(watch) == ["0-0 gap 1-0"])
        events.publish((1...3).map { point($0) })
        #expect(told(watch) == ["0-1 step", "0-2 step", "0-3 step"])
        let late = told(RunWatch(events, after: try #require(EventID(id))))
        #expect(id < "7" ? late == ["0-0 gap 1-0", "0-1 step", "0-2 step", "0-3 step"] : late == ["0-3 gap 1-3"])
    }

    @Test func aSlowReaderIsToldWhatItMissedAndMemoryIsBounded() {
        let events = RunEvents(run: 7, clock: RunEventsTests.noTime)
        let (slow, slower) = (RunWatch(events, after: events.newest), RunWatch(events, after: events.newest))
        events.publish((1...10).map { point($0) })
        #expect(told(slow)?.count == 10)
        for step in 11...5_000 { events.publish([point(step)]) }
        let (after, never) = (told(slow), told(slower))
        let first = try! #require(after?.first?.split(separator: " "))
        #expect(first[1] == "gap" && first[2].hasPrefix("11-"))
        let last = Int(first[2].dropFirst(3))!
        #expect((5_000 - 2 * RunEvents.kept...5_000 - RunEvents.kept).contains(last))
        #expect(first[0] == "0-\(last)", "whoever comes back with the gap's id has not missed more")
        #expect(after?.dropFirst().first == "0-\(last + 1) step" && after?.last == "0-5000 step")
        #expect(after?.count == 1 + 5_000 - last)
        #expect(never?.first == "0-\(last) gap 1-\(last)")
        #expect(told(slow) == [])
    }

    @Test func afterARestartReadersGoOnFromTheHistory() throws {
        let events = RunEvents(run: 7, clock: RunEventsTests.noTime)
        events.begin(epoch: 0, step: 9, hasLost: false, after: (3...9).map { point($0) })
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-7")))) == ["0-8 step", "0-9 step"])
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-2"))))?.count == 7)
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-1"))))?.first == "0-2 gap 2-2")
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-9-2")))) == [])
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-10")))) == ["0-9 gap 1-9"])
        // Steps were lost.
        events.begin(epoch: 2, step: 5, hasLost: true, after: (3...5).map { point($0) })
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-9")))) == ["2-5-1 restart"])
        // The event of a restore that no step has followed is not kept.
        events.begin(epoch: 2, step: 5, hasLost: false, after: (3...5).map { point($0) })
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-9")))) == ["2-5-1 restart"])
        #expect(events.newest.epoch == 2)
        events.begin(epoch: 2, step: 6, hasLost: false, after: (3...5).map { point($0) } + [point(6, epoch: 2)])
        #expect(told(RunWatch(events, after: try #require(EventID("7-2-5-7")))) == ["2-6 step"])
        // A run of a database that has no history yet.
        events.begin(epoch: 0, step: 50, hasLost: false, after: [])
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-50")))) == [])
        #expect(told(RunWatch(events, after: try #require(EventID("7-0-40")))) == ["0-50 gap 41-50"])
    }

    @Test func whatComesAfterARestartIsNewsToWhoeverSawWhatCameBefore() throws {
        let before = RunEvents(run: 7, clock: { Date(timeIntervalSince1970: 1) })
        before.publish([point(1)])
        for _ in 1...3 { before.publish(.patch, epoch: 0, step: 1) }
        #expect(before.newest.description == "7-0-1-1002")
        let after = RunEvents(run: 7, clock: { Date(timeIntervalSince1970: 2) })
        after.begin(epoch: 0, step: 1, hasLost: false, after: [point(1)])
        let watch = RunWatch(after, after: before.newest)
        #expect(told(watch) == [])
        after.publish(.patch, epoch: 0, step: 1)
        #expect(told(watch) == ["0-1-2000 patch"])
    }

    @Test func aStepThatIsNoNewsWakesNobody() {
        let events = RunEvents(run: 7)
        events.publish([point(1)])
        let watch = RunWatch(events, after: events.newest)
        let wakes = Locked(0)
        watch.whenNews { wakes.withLock { $0 += 1 } }
        events.publish([])
        events.publish([point(1)])
        #expect(wakes.withLock { $0 } == 0)
    }

    @Test func whoeverWaitsIsWokenOnceAndWhoeverIsGoneIsNot() {
        let events = RunEvents(run: 7, clock: RunEventsTests.noTime)
        let wakes = Locked(0)
        do {
            let watch = RunWatch(events, after: events.newest)
            watch.whenNews { wakes.withLock { $0 += 1 } }
            #expect(wakes.withLock { $0 } == 0)
            events.publish([point(1)])
            events.publish([point(2)])
            #expect(wakes.withLock { $0 } == 1)
            watch.whenNews { wakes.withLock { $0 += 1 } }
            #expect(wakes.withLock { $0 } == 2, "there is news already")
            #expect(told(watch)?.count == 2)
            watch.whenNews { wakes.withLock { $0 += 1 } }
        }
        events.publish([point(3)])
        #expect(wakes.withLock { $0 } == 2)
    }

    @Test(arguments: ["", "1", "1-2", "1-2-", "-1-2-3", "1-2-3-4-5", "a-1-2", "1-2-+2", "1 -2-3", "99999999999999999999-1-2", "1-2-3-"])
    func whatIsNoIDIsRefused(text: String) { #expect(EventID(text) == nil) }
}

extension CheckpointDescription {
    fileprivate static var sample: CheckpointDescription {
        CheckpointDescription(
            .init(
                id: 1, header: .init(step: 4, epoch: 0, sequence: 4, metadata: "{}"), byteCount: 1, duration: 1,
                createdAt: Date(timeIntervalSince1970: 0), digest: []))
    }
}
