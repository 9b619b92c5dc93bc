import Foundation

/// Thousands of connections that a server has to bear with: one thread opens them, feeds or reads them byte by byte, and
/// opens those again that the server gives up.
///
/// They come from several addresses of the loopback network, so that the bound on connections of one address lets them in.
final class SlowClients: @unchecked Sendable {
    /// What a connection is slow at.
    enum Kind: CaseIterable {
        /// Begins a head and does not end it.
        case head
        /// Announces a body and sends a byte of it now and then; every other one in chunks.
        case body
        /// Asks for much and hardly reads.
        case reader
    }

    private struct Client {
        let kind: Kind
        let request: [UInt8]
        let source: UInt32
        var descriptor: Int32 = -1
    }

    private static let addressCount: UInt32 = 8
    /// Every so often a byte is sent or some are read, on a part of the connections: on each of them every three seconds.
    private static let pause: UInt32 = 100_000
    private static let parts = 30

    private let port: UInt16
    // Invariant: touched by the thread only, once it runs.
    private var clients: [Client] = []
    // Invariant: touched under `condition` only.
    private let condition = NSCondition()
    private var connectedCount = 0
    private var openedCount = 0
    private var isStopping = false
    private var hasStopped = false

    /// - Parameters:
    ///   - counts: how many connections of each kind.
    ///   - writing: where bodies are sent to.
    ///   - reading: what is asked for, in turn.
    init(port: UInt16, counts: [Kind: Int], writing: String, reading: [(path: String, accept: String)]) {
        self.port = port
        for kind in Kind.allCases {
            for number in 0..<(counts[kind] ?? 0) {
                let request =
                    switch kind {
                    case .head: "GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
                    case .body where number.isMultiple(of: 2):
                        "PUT \(writing) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
                    case .body:
                        "PUT \(writing) HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n"
                    case .reader:
                        "GET \(reading[number % reading.count].path) HTTP/1.1\r\nHost: localhost\r\n"
                            + "Accept: \(reading[number % reading.count].accept)\r\n\r\n"
                    }
                let source = UInt32(INADDR_LOOPBACK) + 1 + UInt32(clients.count) % SlowClients.addressCount
                clients.append(Client(kind: kind, request: Array(request.utf8), source: source))
            }
        }
        let thread = Thread { self.run() }
        thread.start()
    }

    /// Waits until all of them have been connected, for half a minute at most.
    func awaitAll() throws {
        let deadline = Date() + 30
        try condition.withLock {
            while connectedCount < clients.count {
                guard condition.wait(until: deadline) else {
                    throw TestFailure("only \(connectedCount) of \(clients.count) slow connections could be made")
                }
            }
        }
    }

    /// How many are open now, and how many have been opened in all.
    var figures: (open: Int, opened: Int) { condition.withLock { (connectedCount, openedCount) } }

    /// Lets all go, and returns when they are.
    func stop() {
        condition.withLock {
            isStopping = true
            while !hasStopped { condition.wait() }
        }
    }

    // MARK: The thread

    private func run() {
        var round = 0
        while !condition.withLock({ isStopping }) {
            var opened = 0
            for index in clients.indices where clients[index].descriptor < 0 && opened < 500 {
                opened += 1
                clients[index].descriptor = connect(clients[index])
            }
            for index in stride(from: round % SlowClients.parts, to: clients.count, by: SlowClients.parts) { dribble(index) }
            closeRefused()
            let count = clients.count { $0.descriptor >= 0 }
            condition.withLock {
                connectedCount = count
                openedCount += opened
                condition.broadcast()
            }
            round += 1
            if count == clients.count { usleep(SlowClients.pause) }
        }
        for client in clients where client.descriptor >= 0 { close(client.descriptor) }
        condition.withLock {
            hasStopped = true
            condition.broadcast()
        }
    }

    private func connect(_ client: Client) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return -1 }
        if client.kind == .reader {
            var size: Int32 = 4_096
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        func call(_ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, host: UInt32, port: UInt16) -> Bool {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = host.bigEndian
            return withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
        }
        guard call(bind, host: client.source, port: 0), call(Foundation.connect, host: UInt32(INADDR_LOOPBACK), port: port),
            fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0,
            client.request.withUnsafeBytes({ send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }) == client.request.count
        else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    private func dribble(_ index: Int) {
        let client = clients[index]
        guard client.descriptor >= 0 else { return }
        switch client.kind {
        case .head, .body:
            var byte = UInt8(ascii: "a")
            if send(client.descriptor, &byte, 1, Int32(MSG_NOSIGNAL)) < 0, errno != EAGAIN { end(index) }
        case .reader:
            let count = withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { recv(client.descriptor, $0.baseAddress, 512, 0) }
            if count == 0 || count < 0 && errno != EAGAIN { end(index) }
        }
    }

    /// A server that answers a slow head or body has given it up.
    private func closeRefused() {
        let indices = clients.indices.filter { clients[$0].kind != .reader && clients[$0].descriptor >= 0 }
        var polls = indices.map { pollfd(fd: clients[$0].descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&polls, nfds_t(polls.count), 0) > 0 else { return }
        for (poll, index) in zip(polls, indices) where poll.revents != 0 { end(index) }
    }

    private func end(_ index: Int) {
        close(clients[index].descriptor)
        clients[index].descriptor = -1
    }
}
