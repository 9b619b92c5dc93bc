import Foundation
import Testing

@testable import Training

struct WorkerThreadsTests {
    /// Counts what happens at the same time. Invariant: touched only under `lock`.
    private final class Gauge: @unchecked Sendable {
        private let lock = NSLock()
        private var present = 0
        private var highest = 0
        private var order: [Int] = []

        func enter() {
            lock.withLock {
                present += 1
                highest = max(highest, present)
            }
        }
        func leave() { lock.withLock { present -= 1 } }
        func note(_ number: Int) { lock.withLock { order.append(number) } }
        var maximum: Int { lock.withLock { highest } }
        var now: Int { lock.withLock { present } }
        var noted: [Int] { lock.withLock { order } }
    }

    /// In a thread's dictionary: leaves the gauge when the thread ends.
    private final class Presence {
        private let gauge: Gauge
        init(_ gauge: Gauge) {
            self.gauge = gauge
            gauge.enter()
        }
        deinit { gauge.leave() }
    }

    @TaskLocal private static var name = "nobody"

    @Test func workKnowsWhatTheTaskCarriesThatAskedForIt() async throws {
        // Other tests may take this one's time; the thread is to be the same one all the same.
        let threads = WorkerThreads(maximum: 1, idleLimit: 300)
        let thread = await withCheckedContinuation { continuation in
            threads.run { continuation.resume(returning: pthread_self()) }
        }
        let (name, performing) = try await WorkerThreadsTests.$name.withValue("somebody") {
            try await threads.perform { (WorkerThreadsTests.name, pthread_self()) }
        }
        #expect(name == "somebody")
        #expect(performing == thread)
    }

    @Test func noMoreThanTheMaximumRunAtOnceAndAllGetTheirTurn() async throws {
        let threads = WorkerThreads(maximum: 4)
        let gauge = Gauge()
        let results = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<100 {
                group.addTask {
                    try await threads.perform {
                        gauge.enter()
                        usleep(1000)
                        gauge.leave()
                        return number
                    }
                }
            }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(results.count == 100)
        #expect(gauge.maximum <= 4 && gauge.maximum > 1)
    }

    @Test func oneThreadTakesJobsInTheOrderOfArrival() async throws {
        let threads = WorkerThreads(maximum: 1)
        let gauge = Gauge()
        for number in 0..<1000 { threads.run { gauge.note(number) } }
        try await threads.perform {}
        #expect(gauge.noted == Array(0..<1000))
    }

    @Test func threadsEndWhenThereIsNoWorkAndStartAgain() async throws {
        let threads = WorkerThreads(maximum: 3, idleLimit: 0.05)
        let gauge = Gauge()
        for _ in 0..<3 {
            for _ in 0..<3 {
                threads.run {
                    if Thread.current.threadDictionary["presence"] == nil { Thread.current.threadDictionary["presence"] = Presence(gauge) }
                    usleep(20_000)
                }
            }
            try await threads.perform {}
            #expect(gauge.maximum >= 1)
            for _ in 0..<400 where gauge.now > 0 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(gauge.now == 0)
        }
        #expect(gauge.maximum <= 3)
    }

    @Test func aFailureReachesWhoWaitsForIt() async {
        struct Failure: Error {}
        await #expect(throws: Failure.self) { try await WorkerThreads().perform { throw Failure() } }
    }

    /// An actor that counts how many are inside it, with a pause while it does.
    private actor Counter {
        private let executor: BlockingSerialExecutor
        private(set) var order: [Int] = []
        private let gauge: Gauge

        init(_ threads: WorkerThreads, _ gauge: Gauge) {
            executor = BlockingSerialExecutor(threads: threads)
            self.gauge = gauge
        }

        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        func count(_ number: Int) {
            gauge.enter()
            usleep(100)
            order.append(number)
            gauge.leave()
        }
    }

    @Test func anActorsJobsNeverOverlapAndActorsDo() async {
        let threads = WorkerThreads(maximum: 4)
        let inside = [Gauge(), Gauge(), Gauge()]
        let counters = inside.map { Counter(threads, $0) }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 { group.addTask { await counters[number % 3].count(number) } }
        }
        for (gauge, counter) in zip(inside, counters) {
            #expect(gauge.maximum == 1)
            #expect(await Set(counter.order).count == 100)
        }
    }

    @Test func callsOfOneTaskKeepTheirOrder() async {
        let counter = Counter(WorkerThreads(maximum: 2), Gauge())
        for number in 0..<100 { await counter.count(number) }
        #expect(await counter.order == Array(0..<100))
    }
}
