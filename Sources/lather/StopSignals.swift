import Dispatch
import Foundation

/// SIGTERM and SIGINT as something to wait for.
///
/// Further signals change nothing: a terminal's Ctrl-C reaches a whole process group, whose parent often sends another
/// SIGTERM after it, and neither may cut the last checkpoint short.
final class StopSignals: @unchecked Sendable {
    // Invariant: nothing changes after init; the sources, which the compiler does not know to be Sendable, are only kept.
    private let names: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation
    private let sources: [any DispatchSourceSignal]

    init() {
        let (names, continuation) = AsyncStream.makeStream(of: String.self)
        let queue = DispatchQueue(label: "signals")
        self.names = names
        self.continuation = continuation
        sources = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")].map { number, name in
            // Dispatch watches; the default action, to die at once, must not come first.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { @Sendable in continuation.yield(name) }
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
