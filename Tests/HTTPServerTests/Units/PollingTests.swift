import Dispatch
import Foundation
import Memory
import Testing

@testable import HTTPServer

/// Who is told that a descriptor is ready, how often, and who is not.
@Suite struct PollingTests {
    private let queue = DispatchQueue(label: "test.polling")

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

        func watch(on queue: DispatchQueue) -> Watch {
            Watch(readEnd, on: queue) { [weak self] found in self?.reports.withLock { $0.append(found) } }
        }

        func write() { _ = Glibc.write(writeEnd, "x", 1) }
    }

    /// Lets everything that is on its way arrive: `probe` is watched by the same thread, after what came before.
    private func settle() async throws {
        let probe = try Pipe()
        let watch = probe.watch(on: queue)
        queue.sync { #expect(watch.ask(for: .readable)) }
        probe.write()
        for _ in 0..<2000 where probe.reported.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        #expect(probe.reported == [.readable])
        queue.sync { watch.end() }
    }

    @Test func eachAskIsReportedOnce() async throws {
        let pipe = try Pipe()
        let watch = pipe.watch(on: queue)
        queue.sync { #expect(watch.ask(for: .readable)) }
        try await settle()
        #expect(pipe.reported.isEmpty)
        pipe.write()
        try await settle()
        pipe.write()
        try await settle()
        #expect(pipe.reported == [.readable])
        queue.sync { #expect(watch.ask(for: .readable)) }
        try await settle()
        #expect(pipe.reported == [.readable, .readable])
        queue.sync { watch.end() }
    }

    @Test func nothingIsReportedAfterTheEnd() async throws {
        let pipe = try Pipe()
        let watch = pipe.watch(on: queue)
        queue.sync {
            #expect(watch.ask(for: .readable))
            watch.end()
            // As if nobody had ended it.
            #expect(watch.ask(for: .readable))
        }
        pipe.write()
        try await settle()
        #expect(pipe.reported.isEmpty)
    }

    /// What is reported of a descriptor that is closed and given out again meanwhile must not reach its next owner.
    @Test func aReportOnItsWayDoesNotReachTheNextOwnerOfANumber() async throws {
        let first = try Pipe()
        let spare = try Pipe()
        let second = Locked<[Directions]>([])
        let watch = first.watch(on: queue)
        let next = Watch(first.readEnd, on: queue) { found in second.withLock { $0.append(found) } }
        queue.sync { #expect(watch.ask(for: .readable)) }
        // The queue is busy, so the report waits in it until the number is another's.
        queue.sync {
            first.write()
            usleep(50_000)
            watch.end()
            dup2(spare.readEnd, first.readEnd)
            #expect(next.ask(for: .readable))
        }
        try await settle()
        #expect(first.reported.isEmpty && second.withLock { $0 }.isEmpty)
        spare.write()
        try await settle()
        #expect(second.withLock { $0 } == [.readable])
        queue.sync { next.end() }
    }

    @Test func aPeerThatHasGoneIsReportedInBothDirections() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        let reports = Locked<[Directions]>([])
        let watch = Watch(ends[0], on: queue) { found in reports.withLock { $0.append(found) } }
        queue.sync { #expect(watch.ask(for: .readable)) }
        close(ends[1])
        try await settle()
        #expect(reports.withLock { $0 } == [[.readable, .writable]])
        queue.sync { watch.end() }
    }
}
