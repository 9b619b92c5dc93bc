import Foundation
import Testing

@testable import LinearAlgebra

@Suite struct ComputePoolTests {
    /// Cost of a task that is worth a thread.
    static let large = ComputePool.inlineCost

    @Test(arguments: [1, 2, 5])
    func everyTaskRunsOnceBeforePerformReturns(threadCount: Int) {
        let pool = ComputePool(threadCount: threadCount)
        for count in [0, 1, 2, 17] {
            let log = Log<Int>()
            pool.perform(costs: Array(repeating: TaskCost(ComputePoolTests.large), count: count)) { index, _ in log.append(index) }
            #expect(log.entries.sorted() == Array(0..<count))
        }
        pool.shutdown()
    }

    @Test func theCostliestTasksStartFirst() {
        let pool = ComputePool(threadCount: 1)
        let log = Log<Int>()
        pool.perform(costs: [1, 5, 3, 5].map { TaskCost($0 * ComputePoolTests.large) }) { index, _ in log.append(index) }
        #expect(log.entries == [1, 3, 2, 0])
    }

    @Test func cheapWorkRunsOnTheCallersThreadAndLargeWorkDoesNot() {
        let pool = ComputePool(threadCount: 2)
        let caller = ObjectIdentifier(Thread.current)
        let log = Log<Int>()
        pool.perform(costs: [TaskCost(1), TaskCost(1)]) { _, _ in log.append(ObjectIdentifier(Thread.current) == caller ? 1 : 0) }
        pool.perform(costs: [TaskCost(ComputePoolTests.large)]) { _, _ in log.append(ObjectIdentifier(Thread.current) == caller ? 1 : 0) }
        #expect(log.entries == [1, 1, 0])
    }

    @Test func severalCallersTakeTurnsTaskByTask() {
        let pool = ComputePool(threadCount: 1)
        let log = Log<Int>()
        let bothSubmitted = DispatchSemaphore(value: 0)
        let callers = DispatchGroup()
        Thread.detach(in: callers) {
            pool.perform(costs: Array(repeating: TaskCost(ComputePoolTests.large), count: 4)) { index, _ in
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
            pool.perform(costs: Array(repeating: TaskCost(ComputePoolTests.large), count: 3)) { _, _ in log.append(1) }
        }
        callers.wait()
        #expect(log.entries.count == 7)
        #expect(log.entries.dropFirst().prefix(6) == [0, 1, 0, 1, 0, 1] || log.entries.dropFirst().prefix(6) == [1, 0, 1, 0, 1, 0])
    }

    @Test func manyCallersAtOnceAllGetTheirResults() {
        let pool = ComputePool(threadCount: 3)
        let callers = DispatchGroup()
        let total = Log<Int>()
        for caller in 0..<8 {
            Thread.detach(in: callers) {
                for _ in 0..<20 {
                    let own = Log<Int>()
                    pool.perform(costs: Array(repeating: TaskCost(caller % 2 == 0 ? ComputePoolTests.large : 1), count: 5)) {
                        index, workspace in
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

    @Test func aTaskIsSharedIfTheOtherThreadsWouldWaitForIt() {
        func shared(_ costs: [Double], _ threadCount: Int) -> Int {
            ComputePool.sharedCount(costs: costs.map { TaskCost($0, isDivisible: true) }, threadCount: threadCount)
        }
        #expect(shared([], 2) == 0)
        #expect(shared([1e9], 2) == 1)
        #expect(shared([1e9, 1e9], 2) == 0)
        #expect(shared([1e9, 1e9], 4) == 2)
        #expect(shared([8e9, 1e9, 1e9], 2) == 1)
        #expect(shared([1e6], 2) == 0)
    }

    @Test func whatCannotBeDividedIsSharedOnlyIfNothingWaits() {
        func shared(_ costs: TaskCost...) -> Int { ComputePool.sharedCount(costs: costs, threadCount: 2) }
        #expect(shared(TaskCost(1e9)) == 1)
        #expect(shared(TaskCost(8e9), TaskCost(1e4), TaskCost(0)) == 1)
        #expect(shared(TaskCost(8e9), TaskCost(1e9, isDivisible: true)) == 0)
        #expect(shared(TaskCost(8e9, isDivisible: true), TaskCost(1e9)) == 2)
        #expect(shared(TaskCost(8e9, isDivisible: true), TaskCost(1e9), TaskCost(1e9)) == 1)
    }

    /// The other thread is busy in one run and free in the other; on one thread alone nothing is cut, and rounding may differ.
    @Test(arguments: [300, 333]) func aSharedTaskHasTheSameBitsWhateverElseRuns(n: Int) {
        let pool = ComputePool(threadCount: 2)
        let free = Results(pool, n)
        let busy = DispatchSemaphore(value: 0)
        let callers = DispatchGroup()
        Thread.detach(in: callers) {
            // Two tasks: neither is shared, and one of them keeps a thread.
            pool.perform(costs: [TaskCost(1e9, isDivisible: true), TaskCost(1e9, isDivisible: true)]) { index, _ in
                if index == 0 { busy.wait() }
            }
        }
        Thread.sleep(forTimeInterval: 0.05)
        let beside = Results(pool, n)
        busy.signal()
        callers.wait()
        #expect(free.values == beside.values)
        let alone = Results(ComputePool(threadCount: 1), n)
        for (shared, single) in zip(free.values, alone.values) {
            for (i, j) in zip(shared, single) { #expect(abs(i - j) < 1e-3 * (1 + abs(j))) }
        }
    }

    /// Everything that a team cuts, done by one task: a product along either side, a Gram matrix, the upper triangle of a product,
    /// a triangle's factor, and what is multiplied by it and divided by it again.
    private struct Results {
        let values: [[Float]]

        init(_ pool: ComputePool, _ n: Int) {
            let a = numbers(n * n, seed: 1)
            let b = numbers(n * n, seed: 2)
            let results = Log<[Float]>()
            pool.perform(costs: [TaskCost(1e9, isDivisible: true)]) { _, workspace in
                let zero = [Float](repeating: 0, count: n * n)
                var (product, wide, gram, upper, divided) = (zero, zero, zero, zero, zero)
                let precision = MatmulPrecision.highest
                Float.gemm(
                    transposeA: false, transposeB: true, m: n, n: n, k: n, alpha: 1, a, stride: n, b, stride: n, beta: 0, &product,
                    stride: n,
                    precision: precision, workspace: workspace)
                Float.gemm(
                    transposeA: true, transposeB: false, m: 70, n: n, k: n, alpha: 1, a, stride: n, b, stride: n, beta: 0, &wide, stride: n,
                    precision: precision, workspace: workspace)
                Float.syrk(
                    transpose: true, n: n, k: n, alpha: 1, a, stride: n, beta: 0, &gram, stride: n, precision: precision,
                    workspace: workspace)
                Float.upperProduct(
                    n: n, k: n, a, stride: n, b, stride: n, into: &upper, stride: n, precision: precision, workspace: workspace)
                for i in 0..<n {
                    for j in 0..<i { (gram[i * n + j], upper[i * n + j]) = (0, 0) }
                    gram[i * n + i] += Float(n)
                }
                workspace.frame {
                    let inverses = workspace.take(Float.self, count: Float.inverseCount(n: n))
                    _ = Float.factor(&gram, n: n, stride: n, floor: 0, inverses: inverses, workspace: workspace)
                    Float.multiplyTransposed(
                        rows: n, n: n, b, stride: n, by: gram, stride: n, into: &divided, stride: n, precision: precision,
                        workspace: workspace)
                    Float.solve(rows: n, n: n, gram, stride: n, inverses: inverses, &divided, stride: n, workspace: workspace)
                }
                for i in 0..<n {
                    for j in 0..<i { gram[i * n + j] = 0 }
                }
                for result in [product, wide, gram, upper, divided] { results.append(result) }
            }
            values = results.entries
        }
    }

    @Test func afterAShutdownWorkRunsOnTheCallersThread() {
        let pool = ComputePool(threadCount: 2)
        pool.shutdown()
        pool.shutdown()
        let log = Log<Int>()
        pool.perform(costs: [TaskCost(ComputePoolTests.large), TaskCost(ComputePoolTests.large)]) { index, _ in log.append(index) }
        #expect(log.entries == [0, 1])
    }

    @Test func openBLASSaysWhatItIs() {
        #expect(BLAS.version.hasPrefix("0.") && !BLAS.coreName.isEmpty)
    }
}

/// Numbers in the order in which they came. Invariant: touched only under the lock.
private final class Log<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Value] = []

    func append(_ value: Value) { lock.withLock { values.append(value) } }
    var entries: [Value] { lock.withLock { values } }
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
