import Dispatch
import Foundation

/// A listening socket: accepts connections and hands them on.
final class Listener: @unchecked Sendable {
    /// Connections taken in a row before other work of the loop gets a turn.
    private static let acceptsPerEvent = 64
    /// How long to leave clients waiting when no descriptor is free. They queue in the kernel meanwhile.
    private static let pauseWithoutDescriptors = DispatchTimeInterval.milliseconds(100)

    /// What the system takes of an answer beyond what is under way: with its own 4 MB a thousand clients that read nothing would
    /// hold as many gigabytes of its memory. Whoever reads is not slowed by it.
    private static let unsentBytes: Int32 = 128 << 10

    let address: ListeningAddress

    // Invariant: every `var` is touched on `loop` only; the descriptor never changes and is closed once, by ``stop(_:)``.
    private let descriptor: Int32
    private let loop: EventLoop
    private var watch: Watch?
    private var whenPaused: (@Sendable () -> Void)?
    private var isStopped = false
    private let socketFile: SocketFile?

    /// - Parameters:
    ///   - descriptor: a listening, non-blocking socket, which now belongs to the listener.
    ///   - loop: where connections are accepted.
    ///   - socketFile: the file to remove at the end.
    init(descriptor: Int32, address: ListeningAddress, loop: EventLoop, socketFile: SocketFile?) {
        self.loop = loop
        self.descriptor = descriptor
        self.address = address
        self.socketFile = socketFile
    }

    /// Calls `take` with each connected descriptor, non-blocking and with the peer's numeric address, which it then owns, and
    /// `whenPaused` each time that the system has no room for more.
    func start(_ take: @escaping @Sendable (Int32, String) -> Void, whenPaused: @escaping @Sendable () -> Void) {
        loop.async {
            guard !self.isStopped else { return }
            self.whenPaused = whenPaused
            self.watch = Watch(self.descriptor, on: self.loop) { [weak self] _ in self?.accept(take) }
            self.listen()
        }
    }

    /// Stops accepting, also when it never started. Clients that were not accepted yet are reset.
    func stop(_ whenClosed: @escaping @Sendable () -> Void = {}) {
        socketFile?.remove()
        loop.async {
            guard !self.isStopped else { return whenClosed() }
            self.isStopped = true
            self.watch?.end()
            close(self.descriptor)
            whenClosed()
        }
    }

    /// Waits for the next clients; tries again later when the system has no room even for that.
    private func listen() {
        guard let watch, !isStopped, !watch.ask(for: .readable) else { return }
        pause()
    }

    /// Lets go of accepting for a moment; the same waiting client would otherwise be reported over and over.
    private func pause() {
        whenPaused?()
        DispatchQueue.global().asyncAfter(deadline: .now() + Listener.pauseWithoutDescriptors) {
            self.loop.async { self.listen() }
        }
    }

    private func accept(_ take: (Int32, String) -> Void) {
        for _ in 0..<Listener.acceptsPerEvent {
            var connected: Int32 = -1
            let peer = SocketAddress { connected = Glibc.accept(descriptor, $0, $1) }
            if connected >= 0 {
                // Glibc's overlay has no accept4; nothing in this process forks between these calls.
                _ = fcntl(connected, F_SETFD, FD_CLOEXEC)
                _ = fcntl(connected, F_SETFL, O_NONBLOCK)
                if peer.family != AF_UNIX {
                    var on: Int32 = 1
                    // Without it a small answer waits for the acknowledgement of the one before, 40 ms.
                    setsockopt(connected, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                    var unsent = Listener.unsentBytes
                    setsockopt(connected, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, &unsent, socklen_t(MemoryLayout<Int32>.size))
                }
                take(connected, peer.host)
                continue
            }
            switch errno {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return pause()
            case EAGAIN: return listen()
            // Errors of the connection that was to be accepted, or an interruption (accept(2)): go on with the next.
            default: continue
            }
        }
        listen()
    }
}
