import Foundation

/// What a proxy needs of sockets: whole HTTP messages as bytes.
enum Sockets {
    /// A listening socket on a free port of 127.0.0.1.
    static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { address in
                bind(descriptor, address.baseAddress, length) == 0 && Foundation.listen(descriptor, 64) == 0
                    && getsockname(descriptor, address.baseAddress, &length) == 0
            }
        }
        guard isListening else {
            close(descriptor)
            throw TestFailure.system("no port can be had")
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// A connection to a port of 127.0.0.1, or nil.
    static func connect(_ port: UInt16) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = loopback(port)
        let code = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { Foundation.connect(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
        }
        if code == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    /// Sends bytes as far as the other side takes them: at once, or in eighths with a pause of microseconds after each.
    static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, pause: UInt32 = 0) {
        let pieceByteCount = pause == 0 ? bytes.count : bytes.count / 8 + 1
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.prefix(pieceByteCount).withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
            if pause > 0 { usleep(pause) }
        }
    }

    /// One message with a Content-Length or without a body, head and all; nil if the connection ends before it does.
    static func receiveMessage(from descriptor: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound {
                let head = String(decoding: bytes[..<end], as: UTF8.self).lowercased()
                let length = head.firstMatch(of: /\r\ncontent-length: *([0-9]+)/).flatMap { Int($0.1) } ?? 0
                if bytes.count >= end + length { return bytes }
            }
            let piece = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
                count = max(recv(descriptor, buffer.baseAddress, buffer.count, 0), 0)
            }
            guard !piece.isEmpty else { return nil }
            bytes += piece
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return address
    }
}
