import Foundation

/// A value that several threads share, reachable only while its lock is held.
///
/// An NSLock and not a `Mutex`, because ThreadSanitizer does not see a `Mutex` handed over to a thread that waits for it (the
/// library that does it is not instrumented) and reports races that are none.
package final class Locked<Value>: @unchecked Sendable {
    // Invariant: `value` is touched only between lock and unlock, in withLock.
    private let lock = NSLock()
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
    }

    package func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
