import Foundation
import LinearAlgebra
import Testing

@Suite struct ComputePoolTests {
    /// Cost of a task that is worth a thread.
    static let large = ComputePool.inlineCost

    @Test(arguments: [1, 2, 5])
    func everyTaskRunsOnceBeforePerformReturns(threadCount: Int) {
        let pool = ComputePool(threadCount: threadCount)
        for count in [0, 1, 2, 17] {
            let log = Log()
            pool.perform(costs: Array(repeating: ComputePoolTests.large, count: count)) { index, _ in log.append(index) }
            #expect(log.entries.sorted() == Array(0..<count))
        }
        pool.shutdown()
    }

    @Test func theCostliestTasksStartFirst() {
        let pool = ComputePool(threadCount: 1)
        let log = Log()
        pool.perform(costs: [1, 5, 3, 5].map { $0 * ComputePoolTests.large }) { index, _ in log.append(index) }
        #expect(log.entries == [1, 3, 2, 0])
    }

    @Test func cheapWorkRunsOnTheCallersThreadAndLargeWorkDoesNot() {
        let pool = ComputePool(threadCount: 2)
        let caller = ObjectIdentifier(Thread.current)
        let log = Log()
        pool.perform(costs: [1, 1]) { _, _ in log.append(ObjectIdentifier(Thread.current) == caller ? 1 : 0) }
        pool.perform(costs: [ComputePoolTests.large]) { _, _ in log.append(ObjectIdentifier(Thread.current) == caller ? 1 : 0) }
        #expect(log.entries == [1, 1, 0])
    }

    @Test func severalCallersTakeTurnsTaskByTask() {
        let pool = ComputePool(threadCount: 1)
        let log = Log()
        let bothSubmitted = DispatchSemaphore(value: 0)
        let callers = DispatchGroup()
        Thread.detach(in: callers) {
            pool.perform(costs: Array(repeating: ComputePoolTests.large, count: 4)) { index, _ in
                if index == 0 { bothSubmitted.wait() }
                log.append(0)
            }
        }
        Thread.detach(in: callers) {
            Thread.sleep(forTimeInterval: 0.05)
            Thread.detach(in: callers) {
                Thread.sleep(forTimeInterval: 0.05)
                bothSubmitted.signal()
            }
            pool.perform(costs: Array(repeating: ComputePoolTests.large, count: 3)) { _, _ in log.append(1) }
        }
        callers.wait()
        #expect(log.entries.count == 7)
        #expect(log.entries.dropFirst().prefix(6) == [0, 1, 0, 1, 0, 1] || log.entries.dropFirst().prefix(6) == [1, 0, 1, 0, 1, 0])
    }

    @Test func manyCallersAtOnceAllGetTheirResults() {
        let pool = ComputePool(threadCount: 3)
        let callers = DispatchGroup()
        let total = Log()
        for caller in 0..<8 {
            Thread.detach(in: callers) {
                for _ in 0..<20 {
                    let own = Log()
                    pool.perform(costs: Array(repeating: caller % 2 == 0 ? ComputePoolTests.large : 1, count: 5)) { index, workspace in
                        workspace.frame { workspace.take(Int.self, count: 1_000)[999] = index }
                        own.append(index)
                    }
                    total.append(own.entries.reduce(0, +))
                }
            }
        }
        callers.wait()
        #expect(total.entries == Array(repeating: 10, count: 160))
    }

    @Test func afterAShutdownWorkRunsOnTheCallersThread() {
        let pool = ComputePool(threadCount: 2)
        pool.shutdown()
        pool.shutdown()
        let log = Log()
        pool.perform(costs: [ComputePoolTests.large, ComputePoolTests.large]) { index, _ in log.append(index) }
        #expect(log.entries == [0, 1])
    }

    @Test func openBLASSaysWhatItIs() {
        #expect(BLAS.version.hasPrefix("0.") && !BLAS.coreName.isEmpty)
    }
}

/// Numbers in the order in which they came. Invariant: touched only under the lock.
private final class Log: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Int] = []

    func append(_ value: Int) { lock.withLock { values.append(value) } }
    var entries: [Int] { lock.withLock { values } }
}

extension Thread {
    /// Runs a block on a thread of its own and counts it in a group.
    fileprivate static func detach(in group: DispatchGroup, _ block: @escaping @Sendable () -> Void) {
        group.enter()
        detachNewThread {
            block()
            group.leave()
        }
    }
}
