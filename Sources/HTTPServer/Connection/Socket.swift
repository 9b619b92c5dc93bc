import Foundation

/// A connected, non-blocking stream socket that belongs to one event loop.
final class Socket: @unchecked Sendable {
    enum Transfer {
        case moved(Int)
        case wouldBlock
        /// The other side sends no more (reading only).
        case end
        case failed
    }

    // Invariant: everything is touched on the loop only, except `descriptor`, which never changes. The descriptor is
    // closed once; `isClosed` says that nobody may use it from then on. One task at a time waits for a direction.
    let loop: EventLoop
    private let descriptor: Int32
    private var watch: Watch?
    private var reader: UnsafeContinuation<Void, Never>?
    private var writer: UnsafeContinuation<Void, Never>?
    private var lowWaterMark = 1
    private(set) var isClosed = false

    /// Takes over a connected descriptor.
    init(descriptor: Int32, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    /// Reads what is there, into the first piece of memory and then into the second.
    func read(into first: UnsafeMutableRawBufferPointer, then second: UnsafeMutableRawBufferPointer? = nil) -> Transfer {
        var vectors = (
            iovec(iov_base: first.baseAddress, iov_len: first.count),
            iovec(iov_base: second?.baseAddress, iov_len: second?.count ?? 0)
        )
        return withUnsafeMutableBytes(of: &vectors) { raw in
            let vectors = raw.bindMemory(to: iovec.self)
            var message = msghdr()
            message.msg_iov = vectors.baseAddress
            message.msg_iovlen = second == nil ? 1 : 2
            return transfer { recvmsg(descriptor, &message, 0) }
        }
    }

    /// Sends what the socket's buffer takes, from several pieces of memory in one call. Never raises SIGPIPE.
    func write(_ vectors: UnsafeMutableBufferPointer<iovec>) -> Transfer {
        var message = msghdr()
        message.msg_iov = vectors.baseAddress
        message.msg_iovlen = vectors.count
        return switch transfer({ sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) }) {
        case .end: .moved(0)
        case let other: other
        }
    }

    private func transfer(_ call: () -> Int) -> Transfer {
        loop.assertIsCurrent()
        guard !isClosed else { return .failed }
        while true {
            let count = call()
            if count > 0 { return .moved(count) }
            if count == 0 { return .end }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .failed
            }
        }
    }

    /// Suspends until there may be something to read, the other side sends no more, or ``wake()`` is called.
    ///
    /// - Parameter byteCount: fewer need not be reported, if they are certain to come (socket(7), `SO_RCVLOWAT`).
    func waitUntilReadable(atLeast byteCount: Int = 1) async {
        setLowWaterMark(byteCount)
        await withUnsafeContinuation { continuation in
            precondition(reader == nil, "one task at a time waits for bytes")
            reader = continuation
            ask()
        }
    }

    /// Has whoever waits for bytes told of the first that comes or has come.
    func reportEverything() {
        setLowWaterMark(1)
    }

    private func setLowWaterMark(_ byteCount: Int) {
        guard byteCount != lowWaterMark, !isClosed else { return }
        var value = Int32(byteCount)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &value, socklen_t(MemoryLayout<Int32>.size))
        lowWaterMark = byteCount
    }

    /// Suspends until there may be room to write, or ``wake()`` is called.
    func waitUntilWritable() async {
        await withUnsafeContinuation { continuation in
            precondition(writer == nil, "one task at a time waits for room")
            writer = continuation
            ask()
        }
    }

    /// Ends present waits, so that their tasks look at the state of things again.
    func wake() {
        resume([.readable, .writable])
    }

    private func ask() {
        guard !isClosed else { return wake() }
        var wanted: Directions = []
        if reader != nil { wanted.insert(.readable) }
        if writer != nil { wanted.insert(.writable) }
        let watch = watch ?? Watch(descriptor, on: loop) { [weak self] in self?.found($0) }
        self.watch = watch
        guard watch.ask(for: wanted) else {
            // Nobody would ever wake who waits.
            abort()
            return wake()
        }
    }

    private func found(_ ready: Directions) {
        resume(ready)
        if reader != nil || writer != nil { ask() }
    }

    private func resume(_ directions: Directions) {
        if directions.contains(.readable), let waiting = reader {
            reader = nil
            waiting.resume()
        }
        if directions.contains(.writable), let waiting = writer {
            writer = nil
            waiting.resume()
        }
    }

    /// Tells the other side that nothing more comes; what it sends can still be read.
    func finishWriting() {
        guard !isClosed else { return }
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Makes all present and later reads and writes end.
    func abort() {
        guard !isClosed else { return }
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Closes the socket.
    func close() {
        loop.assertIsCurrent()
        guard !isClosed else { return }
        isClosed = true
        watch?.end()
        _ = Glibc.close(descriptor)
        wake()
    }
}
