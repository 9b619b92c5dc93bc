import Foundation

/// A client that sends bytes as they are and reads answers strictly. Blocking: use it within `onThread`.
final class RawClient {
    struct Failure: Error {
        var reason: String
    }

    struct Answer {
        var status: Int
        var fields: [(name: String, value: String)]
        var body: [UInt8]

        subscript(name: String) -> String? { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    private let descriptor: Int32
    private var unread: [UInt8] = []
    private var pause: UInt32 = 0

    init(port: Int, timeout: Int = 10, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        if var receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size)) }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        try withUnsafePointer(to: address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 else {
                    throw Failure(reason: "connect: \(errno)")
                }
            }
        }
    }

    /// Connects to a Unix socket.
    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        try withUnsafePointer(to: address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 else {
                    throw Failure(reason: "connect: \(errno)")
                }
            }
        }
    }

    deinit {
        close(descriptor)
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: some Collection<UInt8>) throws {
        let bytes = Array(bytes)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure(reason: "send: \(errno)") }
            sent += count
        }
    }

    func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes with a reset instead of an orderly end.
    func setReset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Reads one answer; interim ones (100) are returned like any other.
    ///
    /// - Parameter pausing: microseconds before each read of at most 64 KiB.
    func answer(toHead: Bool = false, pausing: UInt32 = 0) throws -> Answer {
        pause = pausing
        let head = try line(until: "\r\n\r\n")
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n").filter { !$0.isEmpty }
        let status = lines[0].split(separator: " ")
        guard status.count >= 2, status[0] == "HTTP/1.1", let code = Int(status[1]) else {
            throw Failure(reason: "status line: \(lines[0])")
        }
        let fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(parts[0]), value: parts[1].trimmingCharacters(in: .whitespaces))
        }
        var answer = Answer(status: code, fields: fields, body: [])
        guard !toHead, code >= 200, code != 204, code != 304 else { return answer }
        if answer["Transfer-Encoding"] == "chunked" {
            while true {
                let size = Int(String(decoding: try line(until: "\r\n").dropLast(2), as: UTF8.self), radix: 16)!
                let chunk = try take(size + 2)
                guard chunk.suffix(2) == Array("\r\n".utf8)[...] else { throw Failure(reason: "chunk end") }
                answer.body += chunk.dropLast(2)
                if size == 0 { break }
            }
        } else if let length = answer["Content-Length"].flatMap({ Int($0) }) {
            answer.body = try take(length)
        } else {
            while try fill() {}
            answer.body = unread
            unread = []
        }
        return answer
    }

    /// Receives some bytes and forgets them; false when the connection has ended, in whatever way.
    func skip(atMost count: Int) throws -> Bool {
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { recv(descriptor, $0.baseAddress, count, 0) > 0 }
    }

    /// Whether the server has closed the connection without sending anything more.
    func isAtEnd() throws -> Bool { try unread.isEmpty && !fill() }

    private func line(until end: String) throws -> [UInt8] {
        let end = Array(end.utf8)
        var from = 0
        while true {
            if unread.count >= end.count {
                for start in from...(unread.count - end.count) where unread[start..<start + end.count] == end[...] {
                    return try take(start + end.count)
                }
                from = unread.count - end.count + 1
            }
            guard try fill() else { throw Failure(reason: "the connection ended within a head") }
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while unread.count < count {
            guard try fill() else { throw Failure(reason: "the connection ended within a body") }
        }
        defer { unread.removeFirst(count) }
        return Array(unread.prefix(count))
    }

    /// Receives more; false at the end. A reset counts as a failure.
    private func fill() throws -> Bool {
        if pause > 0 { usleep(pause) }
        let chunk = [UInt8](unsafeUninitializedCapacity: pause > 0 ? 64 << 10 : 1 << 18) { buffer, count in
            count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count < 0 { count = 0 } else { errno = 0 }
        }
        if chunk.isEmpty && errno != 0 { throw Failure(reason: "recv: \(errno)") }
        unread += chunk
        return !chunk.isEmpty
    }
}

/// One request's answer, on a connection of its own.
func answer(of port: Int, to request: String) async throws -> RawClient.Answer {
    try await onThread {
        let client = try RawClient(port: port)
        try client.send(request)
        return try client.answer()
    }
}

/// Runs blocking work on a thread of its own kind, so that the pool on which tests and handlers run is never blocked.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Swift.Result(catching: body)) }.start()
    }
}
