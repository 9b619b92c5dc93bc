import Dispatch

/// Waits for one direction of a socket to become ready.
///
/// The Dispatch source is armed only while somebody waits, so bytes that nobody asks for yet wake nobody.
final class Readiness: @unchecked Sendable {
    // Invariant: everything is touched on the source's queue only. The source is armed (resumed) exactly while `waiter` is set.
    private let source: any DispatchSourceProtocol
    private var waiter: UnsafeContinuation<Void, Never>?
    private var isCancelled = false

    /// - Parameters:
    ///   - source: inactive, with the loop's queue as its target.
    ///   - onCancel: runs when the system has let go of the descriptor.
    init(source: any DispatchSourceProtocol, onCancel: @escaping @Sendable () -> Void) {
        self.source = source
        // The cycle source → handler → self ends when the source is cancelled.
        source.setEventHandler { self.wake() }
        source.setCancelHandler(handler: onCancel)
    }

    /// Returns when the socket is ready, or ``wake()`` or ``cancel()`` is called; possibly without reason.
    func wait() async {
        await withUnsafeContinuation { continuation in
            guard !isCancelled else { return continuation.resume() }
            precondition(waiter == nil, "one task at a time waits for a direction of a socket")
            waiter = continuation
            source.resume()
        }
    }

    /// Ends the present wait, if there is one.
    func wake() {
        guard let waiter else { return }
        self.waiter = nil
        source.suspend()
        waiter.resume()
    }

    /// Lets go of the descriptor, which may be closed when `onCancel` runs.
    func cancel() {
        guard !isCancelled else { return }
        wake()
        isCancelled = true
        source.cancel()
        // A suspended source would never run its cancel handler.
        source.resume()
    }
}
