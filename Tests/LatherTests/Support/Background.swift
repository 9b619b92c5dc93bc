import Foundation

/// Blocking work on a thread of its own.
final class Background<Value: Sendable>: @unchecked Sendable {
    // Invariant: `result` is touched only under `condition`.
    private let condition = NSCondition()
    private var result: Result<Value, any Error>?

    init(_ work: @escaping @Sendable () throws -> Value) {
        Thread.detachNewThread {
            let result = Result(catching: work)
            self.condition.withLock {
                self.result = result
                self.condition.broadcast()
            }
        }
    }

    var isDone: Bool { condition.withLock { result != nil } }

    /// What the work returns, when it does.
    func value() throws -> Value {
        try condition.withLock {
            while true {
                if let result { return try result.get() }
                condition.wait()
            }
        }
    }
}
