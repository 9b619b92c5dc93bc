import Dispatch
import Foundation

/// SIGTERM and SIGINT as something to wait for. The second one ends the process at once.
final class StopSignals: @unchecked Sendable {
    // Invariant: nothing changes after init; the sources, which the compiler does not know to be Sendable, are only kept.
    private let names: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation
    private let sources: [any DispatchSourceSignal]

    init() {
        let (names, continuation) = AsyncStream.makeStream(of: String.self)
        let queue = DispatchQueue(label: "signals")
        let count = SignalCount()
        self.names = names
        self.continuation = continuation
        sources = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")].map { number, name in
            // Dispatch watches; the default action, to die at once, must not come first.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { @Sendable in
                if count.next() > 1 { _exit(128 + number) }
                continuation.yield(name)
            }
            source.resume()
            return source
        }
    }

    /// Ends the wait without a signal.
    func raise(_ reason: String) {
        continuation.yield(reason)
    }

    /// The name of the first signal, when it comes.
    func first() async -> String {
        await names.first { _ in true } ?? "none"
    }
}

/// Counts on the signals' own queue.
private final class SignalCount: @unchecked Sendable {
    // Invariant: touched only by handlers of one serial queue.
    private var count = 0

    func next() -> Int {
        count += 1
        return count
    }
}
