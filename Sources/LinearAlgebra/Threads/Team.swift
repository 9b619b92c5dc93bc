/// The threads of a pool at the service of one task, which cuts its large products into parts.
///
/// How a product is cut depends on its shape and the number of threads alone, never on which threads are free: a part that no other
/// thread has begun is done by the one that leads.
final class Team: Sendable {
    /// As many parts as threads, if each has at least so many multiplications: some 20 µs.
    private static let smallestPart = 2_000_000

    private let threadCount: Int
    private let queue: TaskQueue

    init(threadCount: Int, queue: TaskQueue) {
        self.threadCount = threadCount
        self.queue = queue
    }

    /// How work of so many multiplications is cut, on so many rows or columns; nil if it stays whole.
    func cut(_ count: Int, _ shape: Cut.Shape, multiplications: Int) -> Cut? {
        let parts = min(threadCount, multiplications / Team.smallestPart)
        guard parts > 1 else { return nil }
        let cut = Cut(count, shape, into: parts)
        return cut.parts.count > 1 ? cut : nil
    }

    /// Runs `body` once for each part and returns when all are done. The caller does the first one, and what is left.
    ///
    /// - Parameters:
    ///   - workspace: of the calling thread.
    ///   - body: has no team of its own; what it writes for one part it does not touch for another.
    func perform(_ cut: Cut, workspace: Workspace, _ body: @escaping (_ range: Range<Int>, _ workspace: Workspace) -> Void) {
        // Every call of it has returned before this does.
        let shared = Unchecked(body)
        let job = ComputeJob(order: Array(cut.parts.indices.dropFirst()), isPartOfTask: true) { shared.value(cut.parts[$0], $1) }
        _ = queue.submit(job)
        workspace.alone {
            body(cut.parts[0], workspace)
            while let part = queue.takeTask(of: job) { job.run(part, workspace) }
        }
        job.wait()
    }

    private struct Unchecked<Value>: @unchecked Sendable {
        let value: Value

        init(_ value: Value) { self.value = value }
    }
}

extension Workspace {
    /// Does work on so many rows or columns in parts, if there is a team and enough to do; otherwise does nothing and returns false.
    ///
    /// - Parameter body: as for ``Team/perform(_:workspace:_:)``.
    @inline(__always)
    func share(
        _ count: Int, _ shape: Cut.Shape = .rectangle, multiplications: Int,
        _ body: @escaping (_ range: Range<Int>, _ workspace: Workspace) -> Void
    ) -> Bool {
        guard let team, let cut = team.cut(count, shape, multiplications: multiplications) else { return false }
        team.perform(cut, workspace: self, body)
        return true
    }
}
