import Foundation

/// A value that several threads share, reachable only while its lock is held.
///
/// An NSLock, because ThreadSanitizer understands it.
final class Locked<Value>: @unchecked Sendable {
    // Invariant: `value` is touched only between lock and unlock, in withLock.
    private let lock = NSLock()
    private var value: Value

    init(_ value: sending Value) {
        self.value = value
    }

    func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
