import Foundation

/// How listening sockets come about.
extension Listener {
    /// Listens on an endpoint: on every address its host name has, all with the same port.
    static func open(_ endpoint: ServerConfiguration.Endpoint) throws(ServerError) -> [Listener] {
        guard let loop = EventLoop.forListeners else { throw .cannotPoll }
        return switch endpoint {
        case .tcp(let host, let port): try openTCP(host: host, port: port, loop: loop)
        case .unix(let path): [try openUnix(path: path, loop: loop)]
        }
    }

    private static func openTCP(host: String, port: Int, loop: EventLoop) throws(ServerError) -> [Listener] {
        let addresses = (0...65_535).contains(port) ? SocketAddress.resolve(host: host, port: port) : []
        guard !addresses.isEmpty else { throw .unknownHost("\(host):\(port)") }
        var listeners: [Listener] = []
        var failure: ServerError?
        for var address in addresses {
            if case .tcp(_, let picked) = listeners.first?.address { address.port = picked }
            do {
                let descriptor = try listen(on: address, name: ListeningAddress.tcp(host: address.host, port: address.port).description)
                let bound = SocketAddress { getsockname(descriptor, $0, $1) }
                listeners.append(
                    Listener(descriptor: descriptor, address: .tcp(host: bound.host, port: bound.port), loop: loop, socketFile: nil))
            } catch {
                failure = error
            }
        }
        // A name may have an address of a family that this machine has switched off; a taken port is an error in any family.
        if let failure, listeners.isEmpty || failure.isAddressInUse {
            for listener in listeners { listener.stop() }
            throw failure
        }
        return listeners
    }

    private static func openUnix(path: String, loop: EventLoop) throws(ServerError) -> Listener {
        let name = ListeningAddress.unix(path: path).description
        guard let address = SocketAddress(path: path) else {
            throw .cannotListen(address: name, reason: "the path is empty or longer than 107 bytes")
        }
        try SocketFile.removeStale(path: path, address: address)
        let descriptor = try listen(on: address, path: path, name: name)
        return Listener(descriptor: descriptor, address: .unix(path: path), loop: loop, socketFile: SocketFile(path: path))
    }

    private static func listen(on address: SocketAddress, path: String? = nil, name: String) throws(ServerError) -> Int32 {
        let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw failure(name) }
        do throws(ServerError) {
            var on: Int32 = 1
            // A restart need not wait for old connections to be forgotten; two servers on a port stay impossible on Linux.
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            guard address.withPointer({ bind(descriptor, $0, $1) }) == 0 else { throw failure(name) }
            // Before listen() nobody can connect, so there is no moment in which others may.
            if let path, chmod(path, 0o600) != 0 { throw failure(name) }
            guard Glibc.listen(descriptor, SOMAXCONN) == 0 else { throw failure(name) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func failure(_ name: String) -> ServerError {
        errno == EADDRINUSE ? .addressInUse(name) : .cannotListen(address: name, reason: String(cString: strerror(errno)))
    }
}

extension ServerError {
    fileprivate var isAddressInUse: Bool { if case .addressInUse = self { true } else { false } }
}
