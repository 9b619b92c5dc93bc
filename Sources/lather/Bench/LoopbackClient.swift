import Foundation
import Memory

/// An HTTP/1.1 connection to a server of this process: a blocking socket, requests in turn, kept alive.
///
/// Just what a trainer needs that knows its server; each answer has a length.
final class LoopbackClient {
    private let descriptor: Int32
    private let host: String
    private let input = AlignedBuffer(count: 64 << 10)
    private var content = AlignedBuffer(count: 0)

    init(port: Int) throws(Failure) {
        host = "127.0.0.1:\(port)"
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var isOn: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let code = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { connect(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
        }
        guard code == 0 else {
            let reason = LoopbackClient.reason
            close(descriptor)
            throw Failure(.failed, "no connection to \(host): \(reason)")
        }
    }

    deinit {
        close(descriptor)
    }

    /// One request and its answer, whose content is overwritten by the next.
    func request(
        _ method: String, _ target: String, type: String? = nil, body: AlignedBuffer = AlignedBuffer(count: 0)
    ) throws(Failure) -> LoopbackAnswer {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n"
        if let type { head += "Content-Type: \(type)\r\nContent-Length: \(body.count)\r\n" }
        head += "\r\n"
        try send(AlignedBuffer(Array(head.utf8)), body)
        return try receive()
    }

    /// Head and body together: a small packet of its own would wait for the one before it to be acknowledged.
    private func send(_ head: AlignedBuffer, _ body: AlignedBuffer) throws(Failure) {
        var sent = 0
        while sent < head.count + body.count {
            let parts = [head.bytes.dropFirst(sent), body.bytes.dropFirst(max(sent - head.count, 0))].map { part in
                let rest = UnsafeRawBufferPointer(rebasing: part)
                return iovec(iov_base: UnsafeMutableRawPointer(mutating: rest.baseAddress), iov_len: rest.count)
            }
            let count = withExtendedLifetime((head, body)) { writev(descriptor, parts, Int32(parts.count)) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Failure(.failed, "a request could not be sent: \(LoopbackClient.reason)") }
            sent += count
        }
    }

    private func receive() throws(Failure) -> LoopbackAnswer {
        var filled = 0
        while true {
            guard filled < input.count else { throw Failure(.failed, "the head of an answer is too long") }
            filled += try read(into: UnsafeMutableRawBufferPointer(rebasing: input.mutableBytes[filled...]))
            guard let end = input.bytes[..<filled].firstRange(of: Array("\r\n\r\n".utf8)) else { continue }
            var answer = try LoopbackAnswer(head: String(decoding: input.bytes[..<end.lowerBound], as: UTF8.self))
            let length = answer.field("Content-Length").flatMap { Int($0) } ?? 0
            if content.count < length { content = AlignedBuffer(count: length) }
            let target = UnsafeMutableRawBufferPointer(rebasing: content.mutableBytes[..<length])
            let early = input.bytes[end.upperBound..<filled]
            guard early.count <= length else { throw Failure(.failed, "an answer is longer than it says") }
            target.copyBytes(from: early)
            var taken = early.count
            while taken < length { taken += try read(into: UnsafeMutableRawBufferPointer(rebasing: target[taken...])) }
            answer.content = UnsafeRawBufferPointer(target)
            return answer
        }
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw Failure(.failed, "an answer does not come: \(count < 0 ? LoopbackClient.reason : "end of stream")")
            }
            return count
        }
    }

    private static var reason: String { String(cString: strerror(errno)) }
}

extension AlignedBuffer {
    /// A copy.
    convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        mutableBytes.copyBytes(from: bytes)
    }
}
