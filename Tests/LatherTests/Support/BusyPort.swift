import Foundation

/// A port of 127.0.0.1 that somebody else listens on.
final class BusyPort {
    let number: UInt16
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { address in
                bind(descriptor, address.baseAddress, length) == 0 && listen(descriptor, 1) == 0
                    && getsockname(descriptor, address.baseAddress, &length) == 0
            }
        }
        number = UInt16(bigEndian: address.sin_port)
        guard isListening else { throw TestFailure.system("no port can be had") }
    }

    deinit {
        close(descriptor)
    }
}
