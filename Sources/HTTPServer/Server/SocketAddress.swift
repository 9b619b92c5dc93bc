import Foundation

/// A socket address of any family, as the system's calls want it.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length = socklen_t(0)

    var family: Int32 { Int32(storage.ss_family) }

    /// What `body` stores there, as `accept` and `getsockname` do.
    init(storedBy body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Void) {
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
        }
    }

    /// A Unix socket's; nil when the path is too long (107 bytes) or empty.
    init?(path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, !bytes.contains(0), bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        withUnsafeMutableBytes(of: &storage) { storage in withUnsafeBytes(of: address) { storage.copyMemory(from: $0) } }
        length = socklen_t(MemoryLayout<sockaddr_un>.size)
    }

    /// All addresses of a host name; the port is 0 for a free one.
    static func resolve(host: String, port: Int) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        return sequence(first: list, next: { $0?.pointee.ai_next }).compactMap { $0?.pointee }.map { info in
            SocketAddress { address, length in
                memcpy(address, info.ai_addr, Int(info.ai_addrlen))
                length.pointee = info.ai_addrlen
            }
        }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// The numeric address; an IPv4 client of an IPv6 socket is shown as what it is. `unix` for a Unix socket.
    var host: String {
        guard family != AF_UNIX else { return "unix" }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        _ = withPointer { getnameinfo($0, $1, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) }
        let text = String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
    }

    /// The port in host byte order; 0 for a Unix socket. Both families keep it at the same place.
    var port: Int {
        get {
            guard family != AF_UNIX else { return 0 }
            return withUnsafeBytes(of: storage) { Int($0[2]) << 8 | Int($0[3]) }
        }
        set {
            withUnsafeMutableBytes(of: &storage) {
                $0[2] = UInt8(newValue >> 8)
                $0[3] = UInt8(newValue & 0xFF)
            }
        }
    }
}
