import Foundation
import Memory
import Testing

@testable import HTTPServer

/// Who is told that a descriptor is ready, how often, and who is not.
@Suite struct PollingTests {
    private let loop: EventLoop

    init() throws {
        loop = try #require(EventLoop.forConnections(0))
    }

    /// A pipe, its watch, and what the watch has reported.
    private final class Pipe: Sendable {
        let readEnd: Int32
        let writeEnd: Int32
        private let reports = Locked<[Directions]>([])

        init() throws {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
            (readEnd, writeEnd) = (ends[0], ends[1])
        }

        deinit {
            close(readEnd)
            close(writeEnd)
        }

        var reported: [Directions] { reports.withLock { $0 } }

        /// A watch that keeps the pipe until its end: closed before, its number could be another's by then.
        func watch(on loop: EventLoop) -> Watch {
            Watch(readEnd, on: loop) { [self] found in reports.withLock { $0.append(found) } }
        }

        func write() { _ = Glibc.write(writeEnd, "x", 1) }
    }

    /// Runs a block on the loop.
    private func onLoop<Result: Sendable>(_ block: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            loop.async { continuation.resume(returning: block()) }
        }
    }

    private func ask(_ watch: Watch, for directions: Directions = .readable) async {
        let isTaken = await onLoop { watch.ask(for: directions) }
        #expect(isTaken)
    }

    /// Lets everything that is ready be reported: `probe` is ready after it, and the loop looks at all at once.
    private func settle() async throws {
        let probe = try Pipe()
        let watch = probe.watch(on: loop)
        await ask(watch)
        probe.write()
        for _ in 0..<2000 where probe.reported.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        #expect(probe.reported == [.readable])
        await onLoop { watch.end() }
    }

    @Test func eachAskIsReportedOnce() async throws {
        let pipe = try Pipe()
        let watch = pipe.watch(on: loop)
        await ask(watch)
        try await settle()
        #expect(pipe.reported.isEmpty)
        pipe.write()
        try await settle()
        pipe.write()
        try await settle()
        #expect(pipe.reported == [.readable])
        await ask(watch)
        try await settle()
        #expect(pipe.reported == [.readable, .readable])
        await onLoop { watch.end() }
    }

    /// What is ready and wanted by nobody would be reported at once each time, and the loop would never rest.
    @Test(arguments: [false, true]) func whatNobodyWantsDoesNotKeepTheLoopAwake(hasEnded: Bool) async throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        // A loop that nobody else has.
        let quiet = try #require(EventLoop(number: 99))
        let watch = Watch(ends[0], on: quiet) { _ in }
        func turns() async -> Int { await withCheckedContinuation { next in quiet.async { next.resume(returning: quiet.turns) } } }
        quiet.async { _ = watch.ask(for: .readable) }
        _ = write(ends[1], "x", 1)
        if hasEnded { close(ends[1]) }
        try await Task.sleep(for: .milliseconds(20))
        let before = await turns()
        try await Task.sleep(for: .milliseconds(50))
        let after = await turns()
        #expect(after - before <= 4)
        await withCheckedContinuation { ended in quiet.async { ended.resume(returning: watch.end()) } }
        if !hasEnded { close(ends[1]) }
    }

    @Test func nothingIsReportedAfterTheEnd() async throws {
        let pipe = try Pipe()
        let watch = pipe.watch(on: loop)
        await ask(watch)
        await onLoop { watch.end() }
        // As if nobody had ended it.
        await ask(watch)
        pipe.write()
        try await settle()
        #expect(pipe.reported.isEmpty)
    }

    /// What is reported of a descriptor that is closed and given out again meanwhile must not reach its next owner.
    @Test func aReportOnItsWayDoesNotReachTheNextOwnerOfANumber() async throws {
        let (first, second, spare) = (try Pipe(), try Pipe(), try Pipe())
        let reports = Locked<[String]>([])
        let watches = Locked<[Watch]>([])
        // Both are found ready at once; whichever is told first gives the other's number to another file.
        func meet(_ own: Pipe, _ other: Pipe, _ index: Int) -> Watch {
            Watch(own.readEnd, on: loop) { [loop] _ in
                reports.withLock { $0.append("old") }
                watches.withLock { $0[1 - index] }.end()
                dup2(spare.readEnd, other.readEnd)
                let next = Watch(other.readEnd, on: loop) { _ in reports.withLock { $0.append("new") } }
                _ = next.ask(for: .readable)
                watches.withLock { $0.append(next) }
            }
        }
        let pair = [meet(first, second, 0), meet(second, first, 1)]
        watches.withLock { $0 = pair }
        await onLoop {
            for watch in pair { _ = watch.ask(for: .readable) }
            first.write()
            second.write()
        }
        try await settle()
        #expect(reports.withLock { $0 } == ["old"])
        spare.write()
        try await settle()
        #expect(reports.withLock { $0 } == ["old", "new"])
        await onLoop { for watch in watches.withLock({ $0 }) { watch.end() } }
        withExtendedLifetime((first, second, spare)) {}
    }

    @Test func aPeerThatHasGoneIsReportedInBothDirections() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        let reports = Locked<[Directions]>([])
        let watch = Watch(ends[0], on: loop) { found in reports.withLock { $0.append(found) } }
        await ask(watch)
        close(ends[1])
        try await settle()
        #expect(reports.withLock { $0 } == [[.readable, .writable]])
        await onLoop { watch.end() }
    }

    @Test func workFromOtherThreadsWakesTheLoopAndRunsThere() async throws {
        for _ in 0..<200 {
            let isThere = await onLoop { [loop] in loop.isCurrent }
            #expect(isThere && !loop.isCurrent)
        }
    }
}
