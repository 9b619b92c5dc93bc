import Dispatch
import Foundation

/// SIGTERM, SIGINT and SIGHUP as something to wait for; not SIGHUP if the process was started to survive it, by `nohup` for example.
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
        sources = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGHUP, "SIGHUP")].compactMap { number, name in
            // Dispatch watches; the default action, to die at once, must not come first.
            let wasIgnored = unsafeBitCast(signal(number, SIG_IGN), to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
            if number == SIGHUP && wasIgnored { return nil }
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
