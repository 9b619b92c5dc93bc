import Foundation

/// One HTTP/1.1 connection: a blocking socket, requests in turn, kept alive. Nothing on it waits longer than a minute.
///
/// It is deliberately simple and strict, so that it notices an answer that is not exactly as it should be.
final class HTTPConnection {
    private let descriptor: Int32
    private var input: [UInt8] = []

    /// Connects to a port of 127.0.0.1.
    convenience init(port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        try self.init(AF_INET, &address)
    }

    /// Connects to a Unix socket.
    convenience init(path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        try self.init(AF_UNIX, &address)
    }

    private init<Address>(_ family: Int32, _ address: inout Address) throws {
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestFailure.system("socket") }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var isOn: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
        let code = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { connect(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
        }
        guard code == 0 else { throw TestFailure.system("connect") }
    }

    deinit {
        close(descriptor)
    }

    /// One request and its answer.
    func request(
        _ method: String, _ target: String, fields: [(String, String)] = [], body: [UInt8]? = nil
    ) throws -> HTTPAnswer {
        try send(method, target, fields: fields, body: body)
        return try receive()
    }

    /// Sends a request, or only a part of its body, and does not wait for the answer.
    func send(
        _ method: String, _ target: String, fields: [(String, String)] = [], body: [UInt8]? = nil, upTo count: Int = .max
    ) throws {
        var fields = [("Host", "localhost")] + fields
        if let body { fields.append(("Content-Length", String(body.count))) }
        let head = "\(method) \(target) HTTP/1.1\r\n" + fields.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
        try Array(head.utf8).withUnsafeBytes(write)
        try body?.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
    }

    /// Sends the first eighths of a request's bytes, head and body together.
    func send(eighths: Int, of method: String, _ target: String, body: [UInt8]) throws {
        let head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n\r\n"
        let message = Array(head.utf8) + body
        try message.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0.prefix(message.count * eighths / 8))) }
    }

    /// Reads so many bytes of an answer, whatever they are.
    func receive(byteCount: Int) throws {
        _ = try take(byteCount)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Foundation.send(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { throw TestFailure.system("send") }
            rest = rest.dropFirst(count)
        }
    }

    /// The next answer (RFC 9112, sections 4 to 7).
    func receive() throws -> HTTPAnswer {
        var answer = try receiveHead()
        if answer.status == 204 { return answer }
        if answer["Transfer-Encoding"]?.lowercased() == "chunked" {
            while let chunk = try receiveChunk() { answer.body += chunk }
        } else if let length = answer["Content-Length"].flatMap({ Int($0) }) {
            answer.body = try take(length)
        } else {
            throw TestFailure("an answer has neither a length nor chunks")
        }
        return answer
    }

    /// The head of the next answer, whose body is then to be read.
    func receiveHead() throws -> HTTPAnswer {
        let parts = try line().split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "HTTP/1.1", let status = Int(parts[1]) else { throw TestFailure("no status line: \(parts)") }
        var fields: [(name: String, value: String)] = []
        while case let line = try line(), !line.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { throw TestFailure("no field: \(line)") }
            fields.append((String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)))
        }
        return HTTPAnswer(status: status, fields: fields)
    }

    /// The next chunk of an answer's body; nil at its end.
    func receiveChunk() throws -> [UInt8]? {
        let count = try chunkSize()
        let bytes = try take(count)
        guard try line().isEmpty else { throw TestFailure("a chunk is longer than it says") }
        return count > 0 ? bytes : nil
    }

    private func chunkSize() throws -> Int {
        let line = try line()
        guard let count = Int(line.prefix { $0 != ";" }, radix: 16) else { throw TestFailure("no chunk size: \(line)") }
        return count
    }

    /// The next line without its end.
    private func line() throws -> String {
        while true {
            if let end = input.firstIndex(of: 0x0A) {
                guard end > 0, input[end - 1] == 0x0D else { throw TestFailure("a line ends without CR") }
                defer { input.removeFirst(end + 1) }
                return String(decoding: input[..<(end - 1)], as: UTF8.self)
            }
            input += try read(atMost: 1 << 14)
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        var bytes = Array(input.prefix(count))
        input.removeFirst(bytes.count)
        bytes.reserveCapacity(count)
        while bytes.count < count { bytes += try read(atMost: min(count - bytes.count, 1 << 20)) }
        return bytes
    }

    private func read(atMost limit: Int) throws -> [UInt8] {
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(recv(descriptor, buffer.baseAddress, limit, 0), 0)
        }
        guard !bytes.isEmpty else { throw TestFailure("the connection ended or nothing came for a minute") }
        return bytes
    }
}
